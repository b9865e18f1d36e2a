// The least an io_uring server can do: one thread, direct descriptors, multishot accept and receive
// with a ring of provided buffers, one system call a wake-up.
#include <liburing.h>

#include <vector>

#include "limit/limit.h"

namespace {

using finack::bench::HeadCounter;

constexpr unsigned kMaxConnections = 16384;
constexpr unsigned kBuffers = 1024;
constexpr unsigned kBufferBytes = 4096;

enum class Tag : std::uint64_t { accept, recv, send, close };

struct Connection {
  HeadCounter heads;
  bool sending = false;
  bool ended = false;
  std::size_t owed = 0;  ///< Bytes of answers not yet taken by the kernel.
};

class Server {
 public:
  explicit Server(finack::bench::LimitOptions options)
      : close_(options.close),
        answers_(finack::bench::answers(options)),
        answer_size_(answers_.size() / finack::bench::kBurst),
        listener_(finack::bench::listen_on(options.port, 0)),
        memory_(std::size_t{kBuffers} * kBufferBytes) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    params.cq_entries = 8192;
    check(io_uring_queue_init_params(1024, &ring_, &params), "io_uring_queue_init_params");
    check(io_uring_register_files_sparse(&ring_, kMaxConnections), "register_files_sparse");
    buffers_ =
        static_cast<io_uring_buf_ring*>(std::aligned_alloc(4096, kBuffers * sizeof(io_uring_buf)));
    std::memset(static_cast<void*>(buffers_), 0, kBuffers * sizeof(io_uring_buf));
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(buffers_);
    registration.ring_entries = kBuffers;
    check(io_uring_register_buf_ring(&ring_, &registration, 0), "register_buf_ring");
    for (unsigned i = 0; i < kBuffers; ++i) give_back(i);
    arm_accept();
  }

  void run() {
    while (true) {
      // Answers complete while they are submitted: waiting for one more is waiting for news.
      io_uring_submit_and_wait(&ring_, answers_submitted_ + 1);
      answers_submitted_ = 0;
      unsigned head = 0;
      unsigned count = 0;
      io_uring_cqe* cqe = nullptr;
      io_uring_for_each_cqe(&ring_, head, cqe) {
        on_completion(*cqe);
        ++count;
      }
      io_uring_cq_advance(&ring_, count);
    }
  }

 private:
  static void check(int result, const char* what) {
    if (result >= 0) return;
    std::fprintf(stderr, "%s: %s\n", what, std::strerror(-result));
    std::exit(1);
  }

  /// Preparing the entry leaves what says whose it is.
  io_uring_sqe* entry(unsigned slot, Tag tag) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    while (sqe == nullptr) {
      io_uring_submit(&ring_);
      sqe = io_uring_get_sqe(&ring_);
    }
    io_uring_sqe_set_data64(sqe, std::uint64_t{slot} << 8 | static_cast<std::uint64_t>(tag));
    return sqe;
  }

  void give_back(unsigned buffer) {
    io_uring_buf_ring_add(buffers_, &memory_[std::size_t{buffer} * kBufferBytes], kBufferBytes,
                          static_cast<unsigned short>(buffer), kBuffers - 1, 0);
    io_uring_buf_ring_advance(buffers_, 1);
  }

  void arm_accept() {
    io_uring_prep_multishot_accept_direct(entry(0, Tag::accept), listener_, nullptr, nullptr, 0);
  }

  /// One that closes after its answer takes a single receive: a multishot one would have to be
  /// cancelled.
  void arm_recv(unsigned slot) {
    io_uring_sqe* sqe = entry(slot, Tag::recv);
    const int file = static_cast<int>(slot);
    if (close_) {
      io_uring_prep_recv(sqe, file, nullptr, 0, 0);
    } else {
      io_uring_prep_recv_multishot(sqe, file, nullptr, 0, 0);
    }
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    sqe->buf_group = 0;
  }

  void send_owed(unsigned slot, Connection& connection) {
    // The answers repeat: what is owed begins where the last send stopped within one of them.
    const std::size_t begun = (answer_size_ - connection.owed % answer_size_) % answer_size_;
    const std::size_t size = std::min(connection.owed, answers_.size() - begun);
    io_uring_sqe* sqe = entry(slot, Tag::send);
    io_uring_prep_send(sqe, static_cast<int>(slot), &answers_[begun], size, MSG_NOSIGNAL);
    sqe->flags |= IOSQE_FIXED_FILE;
    connection.sending = true;
    if (close_) {
      sqe->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
      close_slot(slot);
    } else {
      ++answers_submitted_;
    }
  }

  void close_slot(unsigned slot) {
    io_uring_sqe* sqe = entry(slot, Tag::close);
    io_uring_prep_close_direct(sqe, slot);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  }

  void on_completion(const io_uring_cqe& cqe) {
    const auto slot = static_cast<unsigned>(cqe.user_data >> 8);
    switch (static_cast<Tag>(cqe.user_data & 0xff)) {
      case Tag::accept:
        if (cqe.res >= 0) {
          const auto taken = static_cast<std::size_t>(cqe.res);
          if (taken >= connections_.size()) connections_.resize(taken * 2 + 64);
          connections_[taken] = {};
          arm_recv(static_cast<unsigned>(cqe.res));
        }
        if ((cqe.flags & IORING_CQE_F_MORE) == 0) arm_accept();
        return;
      case Tag::recv:
        return on_recv(slot, connections_[slot], cqe);
      case Tag::send:
        return on_send(slot, connections_[slot], cqe.res);
      case Tag::close:
        return;
    }
  }

  void on_recv(unsigned slot, Connection& connection, const io_uring_cqe& cqe) {
    if (cqe.res > 0) {
      const unsigned buffer = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
      const std::uint32_t heads = connection.heads.count(
          &memory_[std::size_t{buffer} * kBufferBytes], static_cast<std::size_t>(cqe.res));
      give_back(buffer);
      connection.owed += heads * answer_size_;
      if (heads > 0 && !connection.sending) send_owed(slot, connection);
      if (heads > 0 && close_) return;
    } else if (cqe.res != -ENOBUFS) {
      connection.ended = true;
      if (!connection.sending) close_slot(slot);
      return;
    }
    if ((cqe.flags & IORING_CQE_F_MORE) == 0) arm_recv(slot);
  }

  void on_send(unsigned slot, Connection& connection, int result) {
    connection.sending = false;
    if (close_) return;
    connection.owed = result < 0 ? 0 : connection.owed - static_cast<std::size_t>(result);
    if (connection.owed > 0) return send_owed(slot, connection);
    if (connection.ended) close_slot(slot);
  }

  bool close_;
  std::string answers_;
  std::size_t answer_size_;
  int listener_;
  io_uring ring_{};
  io_uring_buf_ring* buffers_ = nullptr;
  unsigned answers_submitted_ = 0;
  std::vector<Connection> connections_;  ///< As many as were ever open: idle ones are weighed.
  std::vector<char> memory_;
};

}  // namespace

int main(int argc, char** argv) {
  const finack::bench::LimitOptions options = finack::bench::limit_options(argc, argv);
  if (options.agreed) {
    // Direct descriptors have no SIOCOUTQ before Linux 6.7.
    std::fprintf(stderr, "--agreed is there for epoll only\n");
    return 2;
  }
  Server server(options);
  server.run();
}
