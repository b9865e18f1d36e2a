#include "net/tls_peer.h"

namespace finack::net::testing {
namespace {

using Log = std::vector<std::string>;

class TlsStreamConformance : public TlsConformance {};
FINACK_BOTH_BACKENDS(TlsStreamConformance);

TEST_P(TlsStreamConformance, ShakesHandsEchoesAndEndsWithCloseNotify) {
  SocketPair pair = tcp_pair();
  TlsPeerThread peer(std::move(pair.peer), {.alpn = "\x08http/1.1"}, [](SSL* ssl, Fd& fd) {
    tls_write(ssl, tls_read(ssl, 5));
    tls_close(ssl, fd);
  });
  TlsClientOptions options;
  options.alpn = {"h2", "http/1.1"};
  TlsConnected c(*loop, std::move(pair.ours), client_context(options), {.name = "localhost"});
  EXPECT_FALSE(c.handshake);
  ASSERT_TRUE(shaken(c));
  ASSERT_TRUE(*c.handshake) << c.handshake->reason;
  EXPECT_EQ(c.handshake->version, "TLSv1.3");
  EXPECT_EQ(c.handshake->cipher, "TLS_AES_256_GCM_SHA384");
  EXPECT_EQ(c.handshake->alpn, "http/1.1");
  EXPECT_FALSE(c.handshake->resumed);
  EXPECT_GT(c.handshake->took, 0ns);
  c.send("hello");
  EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); }));
  EXPECT_EQ(c.seen.bytes, "hello");
  EXPECT_EQ(c.seen.log.back(), "fin");
  EXPECT_TRUE(c.stream.tcp_facts().valid);
  run_for(20ms);
  EXPECT_EQ(c.seen.ends.size(), 1u);
  EXPECT_EQ(loop->buffers().leased(), 0u);
  c.close();
  peer.join();
  EXPECT_EQ(peer.server_name, "localhost");
}

TEST_P(TlsStreamConformance, ASendBeforeTheHandshakeWaitsForOnWritable) {
  SocketPair pair = tcp_pair();
  std::string got;
  TlsPeerThread peer(std::move(pair.peer), {}, [&](SSL* ssl, Fd&) { got = tls_read(ssl, 3); });
  TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = "127.0.0.1"});
  const SendResult early = c.send("abc");
  EXPECT_EQ(early.kind, SendResult::Kind::sent);
  EXPECT_EQ(early.bytes, 0u);
  EXPECT_TRUE(run_until([&] { return c.seen.writable == 1; }));
  EXPECT_TRUE(c.handshake && *c.handshake);
  c.send("abc");
  run_until([&] { return !c.seen.ends.empty(); });
  c.close();
  peer.join();
  EXPECT_EQ(got, "abc");
  EXPECT_EQ(peer.server_name, "") << "an address is no SNI (RFC 6066 3)";
}

TEST_P(TlsStreamConformance, CarriesMegabytesBothWaysPastFullWindows) {
  std::string big(3'000'000, 'x');
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>('a' + i % 23);
  SocketPair pair = tcp_pair(4096);
  const int small = 16 * 1024;
  ::setsockopt(pair.ours.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  TlsPeerThread peer(std::move(pair.peer), {}, [&](SSL* ssl, Fd& fd) {
    tls_write(ssl, tls_read(ssl, big.size()));
    tls_close(ssl, fd);
  });
  TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = "localhost"});
  ASSERT_TRUE(shaken(c));
  std::string_view left = big;
  std::size_t counted = 0;
  bool pending = false;
  int waits = 0;
  const auto go = [&] {
    for (; counted < c.seen.sent.size(); ++counted) {
      pending = false;
      left.remove_prefix(c.seen.sent[counted].bytes);
    }
    while (!left.empty() && !pending) {
      const SendResult result = c.send(left);
      ASSERT_NE(result.kind, SendResult::Kind::failed);
      pending = result.kind == SendResult::Kind::pending;
      left.remove_prefix(pending ? 0 : result.bytes);
      waits += pending ? 1 : 0;
      if (result.bytes == 0) return;  // on_sent, on_writable, or both
    }
  };
  c.seen.when_writable = go;
  go();
  EXPECT_TRUE(run_until([&] { return c.seen.bytes.size() == big.size(); }, 10s));
  EXPECT_TRUE(c.seen.bytes == big);
  EXPECT_GT(waits, 0) << "the window was never full: the test shows nothing";
  EXPECT_EQ(c.stream.unacknowledged(), 0u);
}

TEST_P(TlsStreamConformance, SeveralPartsAreOneRecordAndArriveInOrder) {
  SocketPair pair = tcp_pair();
  std::string got;
  TlsPeerThread peer(std::move(pair.peer), {}, [&](SSL* ssl, Fd&) {
    char chunk[64];
    std::size_t n = 0;
    if (SSL_read_ex(ssl, chunk, sizeof chunk, &n) == 1) got.assign(chunk, n);
  });
  TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = "localhost"});
  ASSERT_TRUE(shaken(c));
  std::string a = "head ", b = "", d = "body";
  const iovec parts[] = {{a.data(), a.size()}, {b.data(), b.size()}, {d.data(), d.size()}};
  EXPECT_NE(c.stream.send(parts, false).kind, SendResult::Kind::failed);
  run_until([&] { return !c.seen.ends.empty(); });
  peer.join();
  EXPECT_EQ(got, "head body");
}

TEST_P(TlsStreamConformance, AFileIsSentInBlocks) {
  const std::string path = Certificates::get().file("file");
  std::string content(40'000, 'f');
  std::FILE* out = std::fopen(path.c_str(), "w");
  std::fwrite(content.data(), 1, content.size(), out);
  std::fclose(out);
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  SocketPair pair = tcp_pair();
  std::string got;
  TlsPeerThread peer(std::move(pair.peer), {},
                     [&](SSL* ssl, Fd&) { got = tls_read(ssl, content.size()); });
  TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = "localhost"});
  ASSERT_TRUE(shaken(c));
  std::size_t done = 0;
  const auto go = [&] {
    const SendResult result = c.stream.send_file(file.get(), done, content.size() - done);
    if (result.kind == SendResult::Kind::sent) done += result.bytes;
  };
  c.seen.when_writable = go;
  go();
  std::size_t counted = 0;
  EXPECT_TRUE(run_until([&] {
    for (; counted < c.seen.sent.size(); ++counted) done += c.seen.sent[counted].bytes;
    return done == content.size();
  }));
  const SendResult past = c.stream.send_file(file.get(), content.size(), 10);
  EXPECT_EQ(past.end.error, ENODATA);
  run_until([&] { return !c.seen.ends.empty(); });
  peer.join();
  EXPECT_TRUE(got == content);
}

TEST_P(TlsStreamConformance, AFinWithoutCloseNotifyIsTruncated) {
  SocketPair pair = tcp_pair();
  TlsPeerThread peer(std::move(pair.peer), {}, [](SSL* ssl, Fd& fd) {
    tls_write(ssl, "part of a body");
    ::shutdown(fd.get(), SHUT_WR);
    char byte = 0;
    EXPECT_GT(::recv(fd.get(), &byte, 1, 0), 0) << "our direction still works";
  });
  TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = "localhost"});
  EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); }));
  EXPECT_EQ(c.seen.log, (Log{"secure", "bytes", "truncated"}));
  c.send("x");
  run_for(20ms);
}

TEST_P(TlsStreamConformance, ARstIsARst) {
  SocketPair pair = tcp_pair();
  TlsPeerThread peer(std::move(pair.peer), {}, [](SSL* ssl, Fd& fd) {
    tls_read(ssl, 1);
    reset(fd);
  });
  TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = "localhost"});
  ASSERT_TRUE(shaken(c));
  c.send("x");
  EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); }));
  EXPECT_EQ(c.seen.log.back(), "rst");
  EXPECT_EQ(c.stream.failure(), TlsFailure::transport);
  const SendResult late = c.send("late");
  EXPECT_EQ(late.kind, SendResult::Kind::failed);
  EXPECT_EQ(late.end.kind, EndKind::rst);
}

TEST_P(TlsStreamConformance, CloseNotifyThenRst) {
  SocketPair pair = tcp_pair();
  std::atomic<bool> go = false;
  TlsPeerThread peer(std::move(pair.peer), {}, [&](SSL* ssl, Fd& fd) {
    SSL_shutdown(ssl);
    while (!go) std::this_thread::yield();
    reset(fd);
  });
  TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = "localhost"});
  EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); }));
  go = true;
  EXPECT_TRUE(run_until([&] { return c.seen.ends.size() == 2; }));
  EXPECT_EQ(c.seen.log, (Log{"secure", "fin", "rst"}));
}

TEST_P(TlsStreamConformance, WhilePausedAFinIsSeenAndTheBytesBehindItDecide) {
  for (const bool with_notify : {true, false}) {
    SocketPair pair = tcp_pair();
    std::atomic<bool> go = false;
    TlsPeerThread peer(std::move(pair.peer), {}, [&](SSL* ssl, Fd& fd) {
      while (!go) std::this_thread::yield();
      tls_write(ssl, std::string(100'000, 'u'));
      if (with_notify) SSL_shutdown(ssl);
      ::shutdown(fd.get(), SHUT_WR);
      char rest[64];
      while (::recv(fd.get(), rest, sizeof rest, 0) > 0) {
      }
    });
    TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = "localhost"});
    c.when_secure = [&] {
      c.stream.pause_reading();
      go = true;
    };
    EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); })) << with_notify;
    EXPECT_EQ(c.seen.log, (Log{"secure", "fin"}));
    EXPECT_TRUE(c.stream.readable());
    run_for(10ms);
    EXPECT_EQ(c.seen.bytes, "");
    c.stream.resume_reading();
    EXPECT_TRUE(run_until([&] { return c.seen.bytes.size() == 100'000; })) << c.seen.bytes.size();
    run_for(20ms);
    EXPECT_EQ(c.seen.log.back(), with_notify ? "bytes" : "truncated");
    c.close();
  }
}

TEST_P(TlsStreamConformance, PausingFromInsideOnBytesStops) {
  SocketPair pair = tcp_pair();
  TlsPeerThread peer(std::move(pair.peer), {}, [](SSL* ssl, Fd&) {
    tls_write(ssl, std::string(200'000, 'x'));
    tls_read(ssl, 1);
  });
  TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = "localhost"});
  c.seen.when_bytes = [&] { c.stream.pause_reading(); };
  EXPECT_TRUE(run_until([&] { return !c.seen.bytes.empty(); }));
  const std::size_t first = c.seen.bytes.size();
  run_for(20ms);
  EXPECT_EQ(c.seen.bytes.size(), first);
  c.seen.when_bytes = nullptr;
  c.stream.resume_reading();
  EXPECT_TRUE(run_until([&] { return c.seen.bytes.size() == 200'000; }));
}

TEST_P(TlsStreamConformance, OurFinIsCloseNotifyAndThePeersDirectionGoesOn) {
  SocketPair pair = tcp_pair();
  std::string got;
  int last = 0;
  TlsPeerThread peer(std::move(pair.peer), {}, [&](SSL* ssl, Fd& fd) {
    got = tls_read(ssl, 1000);
    last = SSL_get_error(ssl, 0);
    tls_write(ssl, "late answer");
    tls_close(ssl, fd);
  });
  TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = "localhost"});
  ASSERT_TRUE(shaken(c));
  c.send("last");
  c.stream.shutdown_write();
  EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); }));
  EXPECT_EQ(c.seen.bytes, "late answer");
  EXPECT_EQ(c.seen.log.back(), "fin");
  c.close();
  peer.join();
  EXPECT_EQ(got, "last");
  EXPECT_EQ(last, SSL_ERROR_ZERO_RETURN);
}

TEST_P(TlsStreamConformance, CloseSaysCloseNotifyAndResetDoesNot) {
  for (const bool with_reset : {false, true}) {
    SocketPair pair = tcp_pair();
    int last = 0;
    TlsPeerThread peer(std::move(pair.peer), {}, [&](SSL* ssl, Fd&) {
      char byte = 0;
      std::size_t n = 0;
      last = SSL_get_error(ssl, SSL_read_ex(ssl, &byte, 1, &n));
    });
    TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = "localhost"});
    ASSERT_TRUE(shaken(c));
    run_for(10ms);  // the tickets are read: unread they would make the close a reset
    with_reset ? c.stream.reset() : c.stream.close();
    EXPECT_TRUE(run_until([&] { return c.seen.closed; }));
    peer.join();
    EXPECT_EQ(last, with_reset ? SSL_ERROR_SYSCALL : SSL_ERROR_ZERO_RETURN);
  }
}

TEST_P(TlsStreamConformance, BytesThatAreNoRecordEndTheStreamWithOurAlert) {
  SocketPair pair = tcp_pair();
  std::string reason;
  TlsPeerThread peer(std::move(pair.peer), {}, [&](SSL* ssl, Fd& fd) {
    std::string record(37, 'z');
    record.replace(0, 5, "\x17\x03\x03\x00\x20", 5);
    write_all(fd.get(), record);
    tls_read(ssl, 1);
    reason = std::to_string(ERR_GET_REASON(ERR_peek_error()) - SSL_AD_REASON_OFFSET);
    ERR_clear_error();
  });
  TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = "localhost"});
  EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); }));
  EXPECT_EQ(c.seen.last_end().kind, EndKind::error);
  EXPECT_EQ(c.seen.last_end().error, EPROTO);
  EXPECT_EQ(c.stream.failure(), TlsFailure::protocol);
  EXPECT_EQ(c.stream.alert_sent(), SSL_AD_BAD_RECORD_MAC);
  c.close();
  peer.join();
  EXPECT_EQ(reason, std::to_string(SSL_AD_BAD_RECORD_MAC));
}

TEST_P(TlsStreamConformance, APeerThatAsksForKeysAndReadsNoneIsNotServedForEver) {
  SocketPair pair = tcp_pair(4096);
  const int small = 4096;
  ::setsockopt(pair.ours.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  std::atomic<bool> stop = false;
  TlsPeerThread peer(std::move(pair.peer), {}, [&](SSL* ssl, Fd&) {
    for (int i = 0; i < 60'000 && !stop; ++i) {
      if (SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) != 1 || SSL_do_handshake(ssl) != 1) break;
    }
  });
  {
    TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = "localhost"});
    run_until([&] { return !c.seen.ends.empty(); }, 20s);
    EXPECT_LT(c.stream.unacknowledged(), std::size_t{1} << 20);
    ASSERT_FALSE(c.seen.ends.empty());
    EXPECT_EQ(c.stream.failure(), TlsFailure::protocol);
    EXPECT_EQ(c.seen.last_end().error, EPROTO);
    stop = true;
    c.stream.reset();
  }
}

TEST_P(TlsStreamConformance, OutOfBuffersItWaitsAndGoesOn) {
  make_loop({.max_buffers = 2});
  if (loop == nullptr || IsSkipped()) return;
  SocketPair pair = tcp_pair();
  TlsPeerThread peer(std::move(pair.peer), {}, [](SSL* ssl, Fd& fd) {
    tls_write(ssl, std::string(150'000, 'b'));
    tls_close(ssl, fd);
  });
  TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = "localhost"});
  c.seen.keep_buffers = true;
  EXPECT_TRUE(run_until([&] { return !c.seen.kept.empty(); }));
  run_for(30ms);
  EXPECT_LT(c.seen.bytes.size(), 150'000u);
  c.seen.keep_buffers = false;
  c.seen.kept.clear();
  EXPECT_TRUE(run_until([&] { return c.seen.bytes.size() == 150'000; })) << c.seen.bytes.size();
  EXPECT_TRUE(run_until([&] { return c.seen.log.back() == "fin"; }));
}

TEST_P(TlsStreamConformance, ClosedInsideOnHandshakeOrBeforeItSaysNothingMore) {
  for (const bool early : {true, false}) {
    SocketPair pair = tcp_pair();
    TlsPeerThread peer(std::move(pair.peer), {}, [](SSL* ssl, Fd&) { tls_read(ssl, 1); });
    TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = "localhost"});
    c.when_secure = [&] { c.stream.close(); };
    if (early) c.stream.close();
    EXPECT_TRUE(run_until([&] { return c.seen.closed; }));
    EXPECT_EQ(c.seen.log, early ? (Log{"closed"}) : (Log{"secure", "closed"}));
  }
}

}  // namespace
}  // namespace finack::net::testing
