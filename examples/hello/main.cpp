// The smallest application: one plain handler, one that waits, and the endings of every connection
// in the log. Usage: hello [address], default 127.0.0.1:8080.
#include <finack/finack.h>

#include <chrono>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  finack::Engine app = finack::default_engine();

  app.get("/ping", [](finack::Context& c) { c.json(200, {{"message", "pong"}}); });

  // A client that leaves ends the wait early: nothing below co_await runs, and the log says who
  // left and when.
  app.get("/slow", [](finack::Context& c) -> finack::Task<> {
    co_await c.sleep(2s);
    c.string(200, "done");
  });

  return app.run(argc > 1 ? argv[1] : "127.0.0.1:8080");
}
