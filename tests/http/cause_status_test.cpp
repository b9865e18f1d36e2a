#include "http/cause_status.h"

#include <gtest/gtest.h>

namespace finack::http {
namespace {

using record::Cause;
using record::CauseFamily;

/// The rows that decide are tested where they are answered; here: what must hold for all of them.
TEST(CauseStatus, whatever_decides_on_the_other_leg_has_a_status) {
  for (const record::CauseInfo& row : record::all_causes()) {
    SCOPED_TRACE(row.name);
    const int status = status_of(row.cause);
    if (of_other_leg(row.cause)) {
      EXPECT_GE(status, 502);
    }
    if (status != 0) {
      EXPECT_TRUE(status >= 500 || status == 413 || status == 400) << status;
      EXPECT_LE(status, 599);
    }
    if (row.family == CauseFamily::client || row.family == CauseFamily::ok) {
      EXPECT_EQ(status, 0) << "nobody is there, or nothing failed";
    }
    EXPECT_TRUE(row.family != CauseFamily::upstream || of_other_leg(row.cause));
  }
}

TEST(CauseStatus, tells_waits_places_and_failures_apart) {
  EXPECT_EQ(status_of(Cause::timeout_connect), 504);
  EXPECT_EQ(status_of(Cause::timeout_queue), 503);
  EXPECT_EQ(status_of(Cause::upstream_circuit_open), 503);
  EXPECT_EQ(status_of(Cause::upstream_refused), 502);
  EXPECT_EQ(status_of(Cause::app_failed), 500);
  EXPECT_EQ(status_of(Cause::policy_body_too_large), 413);
  EXPECT_EQ(status_of(Cause::policy_loop), 508);
  EXPECT_EQ(status_of(Cause::network_vanished), 504);
  EXPECT_EQ(status_of(Cause::app_abort), 0);
  EXPECT_FALSE(of_other_leg(Cause::app_abort));
  EXPECT_FALSE(of_other_leg(Cause::timeout_handler));
  EXPECT_FALSE(of_other_leg(Cause::timeout_response_stall));
}

}  // namespace
}  // namespace finack::http
