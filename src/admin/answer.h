#pragma once
#include <boost/json.hpp>
#include <string_view>

#include "finack/http/exchange.h"

namespace finack::admin {

/// Answers with one line of JSON that is not to be kept by anybody.
void answer_json(http::Exchange& exchange, int status, const boost::json::value& body);
/// {"error":"…"}; the request ends with `cause`, unknown: ok.completed.
void answer_error(http::Exchange& exchange, int status, std::string_view what,
                  record::Cause cause = record::Cause::unknown);
/// 404 policy.no_route: there is no such path.
void answer_not_found(http::Exchange& exchange);
/// 405 with Allow.
void answer_wrong_method(http::Exchange& exchange, std::string_view allowed);

}  // namespace finack::admin
