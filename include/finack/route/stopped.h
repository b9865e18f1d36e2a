#pragma once
#include <exception>

#include "finack/http/exchange.h"

namespace finack::route {

/// Thrown by the waits of a Context when the request shall not go on. Let it pass: it is caught at
/// one point, and the request ends with the cause of the stop, never with a 200.
class RequestStopped : public std::exception {};

/// The client is gone (or its body broke a rule or a limit): departure().cause says which.
class client_left final : public RequestStopped {
 public:
  explicit client_left(http::Departure departure) : departure_(departure) {}
  const http::Departure& departure() const { return departure_; }
  const char* what() const noexcept override { return "the client left"; }

 private:
  http::Departure departure_;
};

/// The timeout() middleware's deadline passed.
class deadline_passed final : public RequestStopped {
 public:
  const char* what() const noexcept override { return "the handler's deadline passed"; }
};

/// read_all() met more bytes than its limit.
class body_over_limit final : public RequestStopped {
 public:
  const char* what() const noexcept override { return "the body is larger than the handler takes"; }
};

}  // namespace finack::route
