#include "http/cause_status.h"

namespace finack::http {

using record::Cause;
using record::CauseFamily;

int status_of(Cause cause) {
  switch (cause) {
    case Cause::app_failed:
    case Cause::app_no_reply:
      return 500;
    case Cause::timeout_handler:
    case Cause::timeout_queue:
    case Cause::policy_overload_shed:
    case Cause::upstream_none_healthy:
    case Cause::upstream_circuit_open:
      return 503;
    case Cause::timeout_resolve:
    case Cause::timeout_connect:
    case Cause::timeout_tls:
    case Cause::timeout_send:
    case Cause::timeout_first_response_byte:
    case Cause::timeout_response_idle:
    case Cause::timeout_try:
    case Cause::timeout_request_total:
    case Cause::network_vanished:
      return 504;
    case Cause::policy_bad_request:
      return 400;
    case Cause::policy_body_too_large:
      return 413;
    case Cause::policy_loop:
      return 508;
    case Cause::policy_response_blocked:
    case Cause::operator_killed:  // the server's connection
      return 502;
    default:
      break;
  }
  switch (record::info(cause).family) {
    case CauseFamily::upstream:
    case CauseFamily::network:
      return 502;
    case CauseFamily::resource:
      return 503;
    default:
      return 0;
  }
}

bool of_other_leg(Cause cause) {
  switch (cause) {
    case Cause::timeout_resolve:
    case Cause::timeout_connect:
    case Cause::timeout_tls:
    case Cause::timeout_send:
    case Cause::timeout_first_response_byte:
    case Cause::timeout_response_idle:
    case Cause::timeout_try:
    case Cause::timeout_request_total:
    case Cause::timeout_queue:
    case Cause::operator_killed:
      return true;
    default:
      break;
  }
  switch (record::info(cause).family) {
    case CauseFamily::upstream:
    case CauseFamily::network:
    case CauseFamily::resource:
      return true;
    default:
      return false;
  }
}

}  // namespace finack::http
