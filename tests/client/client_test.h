#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "client/client_rig.h"

namespace finack::client::tests {

/// A test of dialed connections on both backends; says loudly where one is refused.
class ClientTest : public ::testing::TestWithParam<net::Backend> {
 protected:
  void dialing(RigSetup setup = {}) {
    rig_ = std::make_unique<ClientRig>(GetParam(), std::move(setup));
    if (!rig_->loop)
      GTEST_SKIP() << "\n*** SKIPPED: " << net::name(GetParam())
                   << " is refused on this host: " << rig_->why_not
                   << "\n*** This backend was NOT tested.\n";
  }
  ClientRig& rig() { return *rig_; }

  std::unique_ptr<ClientRig> rig_;
};

/// Begins such a test: dialing() with these arguments.
#define DIALING(...)                              \
  do {                                            \
    dialing(__VA_ARGS__);                         \
    if (IsSkipped() || HasFatalFailure()) return; \
  } while (false)

}  // namespace finack::client::tests
