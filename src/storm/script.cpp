#include "storm/script.h"

#include <array>

namespace finack::storm {
namespace {

#define FINACK_HEAD(line, fields) line " HTTP/1.1\r\nHost: storm\r\n" fields "\r\n"
constexpr std::string_view kPing = FINACK_HEAD("GET /ping", "");
constexpr std::string_view kPingClose = FINACK_HEAD("GET /ping", "Connection: close\r\n");
constexpr std::string_view kThree =
    FINACK_HEAD("GET /ping", "") FINACK_HEAD("GET /ping?again", "") FINACK_HEAD("GET /json", "");
constexpr std::string_view kThreeClose = FINACK_HEAD("GET /ping", "") FINACK_HEAD("GET /json", "")
    FINACK_HEAD("GET /ping", "Connection: close\r\n");
constexpr std::string_view kChunkedHead =
    FINACK_HEAD("POST /echo", "Transfer-Encoding: chunked\r\n");
constexpr std::string_view kChunks =
    "5\r\nhello\r\n10;of=storm\r\n0123456789abcdef\r\n0\r\nX-Trailer: yes\r\n\r\n";
constexpr std::string_view kUploadHead = FINACK_HEAD("POST /echo", "Content-Length: 64\r\n");
constexpr std::string_view kUpload =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
constexpr std::string_view kSlow = FINACK_HEAD("GET /slow?ms=20000", "");
constexpr std::string_view kSlowish = FINACK_HEAD("GET /slow?ms=100", "");
constexpr std::string_view kStream = FINACK_HEAD("GET /stream?n=1000&ms=50", "");
constexpr std::string_view kBig = FINACK_HEAD("GET /big?kb=2000", "");
constexpr std::string_view kGarbage = "\x16\x03\x01\x02 this is no request\r\n\r\n";
constexpr std::string_view kSmuggling = FINACK_HEAD(
    "POST /echo",
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n" FINACK_HEAD("GET /ping", "");
constexpr std::string_view kTooLarge =
    FINACK_HEAD("POST /echo", "Content-Length: 1000000000\r\n") "0123456789";
constexpr std::string_view kPanic = FINACK_HEAD("GET /panic", "");
constexpr std::string_view kNoReply = FINACK_HEAD("GET /no-reply", "");
constexpr std::string_view kAbort = FINACK_HEAD("GET /abort", "");
constexpr std::string_view kShortBody = FINACK_HEAD("GET /short-body", "");
#undef FINACK_HEAD

constexpr Step send(std::string_view bytes, unsigned requests = 1) {
  return {Act::send, bytes, 0, requests};
}
constexpr Step part(std::string_view bytes, int least, unsigned requests = 1) {
  return {Act::send_part, bytes, least, requests};
}
constexpr Step expect(int status) { return {Act::expect, {}, status}; }
constexpr Step act(Act what, int number = 0) { return {what, {}, number}; }
constexpr Step kClose = act(Act::close);
constexpr Step kReset = act(Act::reset);
constexpr Step kSeeFin = act(Act::see_fin);
constexpr Step kNotice = act(Act::notice);
constexpr Step kPause = act(Act::pause, 20);

constexpr auto kAgreed = std::to_array<Step>({send(kPingClose), expect(200), kSeeFin, kClose});
constexpr auto kKeepAlive =
    std::to_array<Step>({send(kPing), expect(200), kPause, act(Act::repeat, 4), kClose});
constexpr auto kPipelined =
    std::to_array<Step>({send(kThree, 3), expect(200), expect(200), expect(200), kClose});
constexpr auto kPipelinedClose = std::to_array<Step>(
    {send(kThreeClose, 3), expect(200), expect(200), expect(200), kSeeFin, kClose});
constexpr auto kChunkedEcho =
    std::to_array<Step>({send(kChunkedHead), kPause, send(kChunks, 0), expect(200), kClose});
constexpr auto kSilentFin = std::to_array<Step>({kPause, kClose});
constexpr auto kSilentRst = std::to_array<Step>({kPause, kReset});
constexpr auto kHeadCutFin = std::to_array<Step>({part(kPing, 1), kPause, kClose});
constexpr auto kHeadCutRst = std::to_array<Step>({part(kPing, 1), kPause, kReset});
constexpr auto kSecondHeadCut =
    std::to_array<Step>({send(kPing), expect(200), part(kPing, 1), kPause, kClose});
constexpr auto kBodyCutFin =
    std::to_array<Step>({send(kUploadHead), part(kUpload, 0, 0), kPause, kClose});
constexpr auto kBodyCutRst =
    std::to_array<Step>({send(kUploadHead), part(kUpload, 0, 0), kPause, kReset});
constexpr auto kChunksCutFin =
    std::to_array<Step>({send(kChunkedHead), part(kChunks, 0, 0), kPause, kClose});
constexpr auto kChunksCutRst =
    std::to_array<Step>({send(kChunkedHead), part(kChunks, 0, 0), kPause, kReset});
constexpr auto kLeftWaitingFin = std::to_array<Step>({send(kSlow), kPause, kClose});
constexpr auto kLeftWaitingRst = std::to_array<Step>({send(kSlow), kPause, kReset});
constexpr auto kLeftAtOnceFin = std::to_array<Step>({send(kPing), kClose});
constexpr auto kLeftAtOnceRst = std::to_array<Step>({send(kPing), kReset});
constexpr auto kHalfClose =
    std::to_array<Step>({{Act::send_and_fin, kSlowish, 0, 1}, expect(200), kSeeFin, kClose});
constexpr auto kLeftReceivingFin = std::to_array<Step>({send(kStream), act(Act::read_dry), kClose});
constexpr auto kLeftReceivingRst =
    std::to_array<Step>({send(kBig), act(Act::read_dry), kPause, kReset});
constexpr auto kLeftReceivingUnread = std::to_array<Step>({send(kBig), kNotice, kPause, kClose});
constexpr auto kUnreadRst = std::to_array<Step>({send(kPing), kNotice, kPause, kReset});
constexpr auto kUnreadClose = std::to_array<Step>({send(kPing), kNotice, kPause, kClose});
constexpr auto kUnreadLast = std::to_array<Step>({send(kPingClose), kNotice, kPause, kReset});
constexpr auto kMalformed = std::to_array<Step>({send(kGarbage), expect(400), kSeeFin, kClose});
constexpr auto kSmuggled = std::to_array<Step>({send(kSmuggling), expect(400), kSeeFin, kClose});
constexpr auto kLarge = std::to_array<Step>({send(kTooLarge), expect(413), kSeeFin, kClose});
constexpr auto kFailed =
    std::to_array<Step>({send(kPanic), expect(500), send(kPing), expect(200), kClose});
constexpr auto kUnanswered =
    std::to_array<Step>({send(kNoReply), expect(500), send(kPing), expect(200), kClose});
constexpr auto kAborted = std::to_array<Step>({send(kAbort), act(Act::see_rst), kClose});
constexpr auto kShort = std::to_array<Step>({send(kShortBody), act(Act::see_end), kClose});

/// In the order of the enumerators.
constexpr std::array<std::span<const Step>, kBehaviourCount> kScripts = {
    kAgreed,           kKeepAlive,           kPipelined,      kPipelinedClose,
    kChunkedEcho,      kSilentFin,           kSilentRst,      kHeadCutFin,
    kHeadCutRst,       kSecondHeadCut,       kBodyCutFin,     kBodyCutRst,
    kChunksCutFin,     kChunksCutRst,        kLeftWaitingFin, kLeftWaitingRst,
    kLeftAtOnceFin,    kLeftAtOnceRst,       kHalfClose,      kLeftReceivingFin,
    kLeftReceivingRst, kLeftReceivingUnread, kUnreadRst,      kUnreadClose,
    kUnreadLast,       kMalformed,           kSmuggled,       kLarge,
    kFailed,           kUnanswered,          kAborted,        kShort,
};

}  // namespace

std::span<const Step> script(Behaviour behaviour) {
  return kScripts[static_cast<std::size_t>(behaviour)];
}

bool is_narrow(Behaviour behaviour) {
  return behaviour == Behaviour::left_receiving_rst ||
         behaviour == Behaviour::left_receiving_unread;
}

}  // namespace finack::storm
