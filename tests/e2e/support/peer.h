#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "e2e/support/bounded.h"
#include "finack/base/fd.h"

namespace finack::e2e {

/// A response as the peer read it.
struct Response {
  int status = 0;
  int interims = 0;                                          ///< Responses of 1xx before it.
  std::vector<std::pair<std::string, std::string>> headers;  ///< Names in lower case.
  std::string body;
  bool complete = false;  ///< Its framed end came; false: the stream ended before.

  /// The first header of that name (lower case); "" where absent.
  std::string_view header(std::string_view name) const;
};

/// What a stream showed at its end.
enum class StreamSight { nothing, eof, reset };

struct PeerOptions {
  int receive_buffer = 0;  ///< SO_RCVBUF before connecting; 0: the system's. Small: a small window.
  std::string source;      ///< Local IPv4 address to bind to; "": the system chooses.
  std::string host = "127.0.0.1";
};

/// A client made of bare system calls, which behaves well or badly exactly as the test tells it.
/// Every wait is bounded by the deadline given at connect, and by its own limit; a wait that fails
/// throws Failure. One thread.
class Peer {
 public:
  Peer(std::uint16_t port, const Deadline& deadline, const PeerOptions& options = {});
  /// The accepted end of a connection that finack dialed.
  Peer(Fd accepted, const Deadline& deadline);

  /// The address that records name by this end, "127.0.0.1:50312": of two ends, the one that
  /// dialed.
  const std::string& address() const { return address_; }
  std::uint16_t local_port() const { return local_port_; }
  std::uint64_t sent() const { return sent_; }
  std::uint64_t received() const { return received_; }

  /// Sends all, or throws.
  void send(std::string_view bytes, Millis limit = Millis(5000));
  /// Sends what the other side lets us; false once it refuses (reset, or nothing taken in `limit`).
  bool try_send(std::string_view bytes, Millis limit = Millis(1000));

  /// Reads until one response is complete or the stream ends. `head_only`: the answer to a HEAD.
  Response read_response(Millis limit = Millis(5000), bool head_only = false);
  /// Reads a request's head; the blank line behind it is its end. The body stays for read_text.
  std::string read_head(Millis limit = Millis(5000));
  /// The next `count` bytes.
  std::string read_text(std::size_t count, Millis limit = Millis(5000));
  /// Reads until at least `count` bytes more have come; keeps them out of later responses.
  void read_bytes(std::size_t count, Millis limit = Millis(5000));
  /// Reads and discards until the stream ends.
  StreamSight read_to_end(Millis limit = Millis(5000));

  void finish_sending();  ///< shutdown(SHUT_WR): our FIN; we go on reading.
  void close();           ///< FIN, or RST when the kernel holds unread bytes.
  void reset();           ///< RST on purpose (SO_LINGER 0).
  /// From now on the socket acknowledges nothing and answers nothing: a packet filter drops all
  /// that arrives. What we send on purpose still leaves.
  void vanish();

  int fd() const { return fd_.get(); }

 private:
  enum class Got { bytes, eof, reset, nothing };
  Got fill(const Deadline& deadline);
  bool parse_head(Response& out, const Deadline& deadline);
  void read_body(Response& out, const Deadline& deadline);
  void read_chunks(Response& out, const Deadline& deadline);
  bool need(std::size_t bytes, const Deadline& deadline);
  std::string take(std::size_t bytes);
  bool take_line(std::string& line, const Deadline& deadline);

  Deadline deadline_;
  Fd fd_;
  std::string address_;
  std::uint16_t local_port_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::string in_;          ///< Received, not yet handed out.
  Got end_ = Got::nothing;  ///< eof or reset once seen; a socket tells a reset only once.
};

}  // namespace finack::e2e
