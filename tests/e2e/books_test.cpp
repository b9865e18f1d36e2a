// The books after a storm: what the server counted and recorded against what the generator did,
// connection by connection. FINACK names the command, FINACK_STORM_CONNECTIONS how many there are.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "e2e/support/bounded.h"
#include "e2e/support/demo_server.h"
#include "e2e/support/peer.h"
#include "finack/record/cause.h"
#include "storm/generator.h"
#include "storm/match.h"

namespace finack::e2e {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using storm::AllowedEnding;
using storm::Contact;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#ifdef NDEBUG
constexpr bool kRelease = !kSanitized;
#else
constexpr bool kRelease = false;
#endif

// What the console allows: so many lines of one cause in a window, and one that sums up the rest.
constexpr std::uint64_t kConsoleLines = 11;
constexpr Millis kConsoleWindow{10000};
constexpr std::size_t kMostProblems = 40;
constexpr std::uint64_t kWarm = 20'000;
constexpr std::size_t kGrowthKib = 4096;

std::uint64_t storm_connections() {
  if (const char* text = std::getenv("FINACK_STORM_CONNECTIONS")) return std::stoull(text);
  return kRelease ? 200'000 : 20'000;
}

/// A folder of its own that is removed when the test succeeded.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "finack-books-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw Failure("mkdtemp: " + name);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    if (!::testing::Test::HasFailure()) fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// The sum of the samples of that name on a page of metrics.
std::uint64_t metric(const std::string& page, std::string_view name) {
  double total = 0;
  for (std::size_t at = 0; at < page.size();) {
    const std::size_t end = std::min(page.find('\n', at), page.size());
    const std::string_view line(page.data() + at, end - at);
    at = end + 1;
    if (line.substr(0, line.find_first_of("{ ")) != name) continue;
    total += std::stod(std::string(line.substr(line.rfind(' ') + 1)));
  }
  return static_cast<std::uint64_t>(total);
}

std::string metrics_page(const DemoServer& server) {
  Peer peer(server.admin_port(), Deadline(Millis(10000)));
  peer.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  return peer.read_response(Millis(10000)).body;
}

/// Packets that the kernel dropped because a core's backlog was full, on loopback too: the second
/// column of /proc/net/softnet_stat. What is retransmitted arrives later; a RST never does.
std::uint64_t dropped_packets() {
  std::ifstream in("/proc/net/softnet_stat");
  std::uint64_t sum = 0;
  for (std::string line; std::getline(in, line);) {
    if (const auto at = line.find(' '); at != std::string::npos) {
      sum += std::stoull(line.substr(at + 1), nullptr, 16);
    }
  }
  return sum;
}

struct Footprint {
  std::size_t descriptors = 0;
  std::size_t resident_kib = 0;
};

Footprint footprint(pid_t pid) {
  Footprint out;
  const std::string proc = fmt::format("/proc/{}", pid);
  for (auto it = fs::directory_iterator(proc + "/fd"); it != fs::directory_iterator(); ++it) {
    ++out.descriptors;
  }
  std::ifstream status(proc + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) out.resident_kib = std::stoull(line.substr(6));
  }
  return out;
}

std::string words(const AllowedEnding& ending) {
  return fmt::format("{}, {} in {}", name(ending.cause), name(ending.how), name(ending.phase));
}

std::string words(std::span<const AllowedEnding> set) {
  std::string out;
  for (const AllowedEnding& ending : set) out += (out.empty() ? "" : " or ") + words(ending);
  return out.empty() ? "none" : out;
}

record::How parse_how(std::string_view word) {
  for (int i = 0; i <= static_cast<int>(record::How::none); ++i) {
    if (name(static_cast<record::How>(i)) == word) return static_cast<record::How>(i);
  }
  throw Failure(fmt::format("no such how: {}", word));
}

/// The record lines of traffic. `lines` stays beside `seen`: the line of each connection.
struct Records {
  std::vector<storm::SeenConnection> seen;
  std::vector<std::string> ids;
  std::vector<std::streamoff> offsets;
  std::unordered_map<std::string, std::vector<AllowedEnding>> requests;  ///< By connection id.
  std::map<std::string, std::uint64_t> causes;
  std::vector<std::string> strange;  ///< Lines that are no record, or tell of loss.
};

std::string text(const json::object& line, const char* key) {
  const json::value* value = line.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string().c_str()) : "";
}

AllowedEnding ending_of(const json::object& line) {
  const auto cause = record::parse_cause(text(line, "cause"));
  const auto phase = record::parse_phase(text(line, "phase"));
  if (!cause || !phase) throw Failure("a word that is not in the lists");
  return {*cause, parse_how(text(line, "how")), *phase};
}

void read_line(Records& out, const std::string& line, std::streamoff offset) {
  const json::value parsed = json::parse(line);
  const json::object& object = parsed.as_object();
  const std::string kind = text(object, "kind");
  if (kind == "finding") return;
  if (kind == "request") {
    out.requests[text(object, "connection")].push_back(ending_of(object));
    return;
  }
  if (kind != "connection") throw Failure("of no kind that is expected");
  if (text(object, "purpose") != "traffic") return;
  storm::SeenConnection seen;
  if (!storm::parse_peer(text(object, "peer"), seen)) throw Failure("a connection without a peer");
  const std::string id = text(object, "id");
  seen.sequence = std::stoull(id.substr(id.find('-') + 1), nullptr, 16);
  seen.ending = ending_of(object);
  seen.requests = object.at("requests").to_number<std::uint64_t>();
  ++out.causes[text(object, "cause")];
  out.seen.push_back(seen);
  out.ids.push_back(id);
  out.offsets.push_back(offset);
}

Records read_records(const std::string& path) {
  Records out;
  std::ifstream in(path, std::ios::binary);
  std::streamoff offset = 0;
  for (std::string line; std::getline(in, line);) {
    try {
      read_line(out, line, offset);
    } catch (const std::exception& e) {
      out.strange.push_back(fmt::format("{}: {}", e.what(), line));
    }
    offset += static_cast<std::streamoff>(line.size()) + 1;
  }
  return out;
}

/// Differences, each kind counted, with the lines of the first of its kind.
class Differences {
 public:
  explicit Differences(std::string path) : path_(std::move(path)) {}

  void add(const std::string& kind, const std::string& example) {
    if (++counts_[kind] == 1) examples_[kind] = example;
  }
  std::string line_at(std::streamoff offset) const {
    std::ifstream in(path_, std::ios::binary);
    in.seekg(offset);
    std::string line;
    std::getline(in, line);
    return line;
  }
  std::string report() const {
    std::string out;
    std::size_t left = kMostProblems;
    for (const auto& [kind, count] : counts_) {
      if (left-- == 0) break;
      out += fmt::format("{} x {}\n    such as {}\n", count, kind, examples_.at(kind));
    }
    return out;
  }

 private:
  std::string path_;
  std::map<std::string, std::uint64_t> counts_;
  std::map<std::string, std::string> examples_;
};

/// Whether the client's RST can have been dropped on its way: then we wait until a time is over, on
/// what the kernel holds for a live connection, or until a packet of ours is answered by a RST.
bool may_have_lost_rst(const Contact& contact, const AllowedEnding& ending, std::string_view line) {
  const auto allowed = storm::allowed_endings(contact.behaviour);
  const bool resets = std::ranges::any_of(
      allowed, [](const AllowedEnding& one) { return one.how == record::How::rst; });
  const bool waited = ending.how == record::How::timeout;
  return resets &&
         (ending.how == record::How::rst || (waited && line.contains(R"("state":"established")")));
}

void compare_requests(Differences& out, const Contact& contact, const std::string& id,
                      const std::vector<AllowedEnding>& requests) {
  using storm::RequestLines;
  const RequestLines lines = storm::request_lines(contact.behaviour);
  const std::size_t least = lines == RequestLines::one ? 1 : 0;
  const std::size_t most = lines == RequestLines::none ? 0 : 1;
  if (requests.size() < least || requests.size() > most) {
    out.add(fmt::format("{}: {} requests did not end ok, expected {} to {}",
                        name(contact.behaviour), requests.size(), least, most),
            "connection " + id);
  }
  const auto allowed = storm::allowed_request_endings(contact.behaviour);
  for (const AllowedEnding& ending : requests) {
    if (storm::contains(allowed, ending)) continue;
    out.add(fmt::format("{}: request {}; allowed: {}", name(contact.behaviour), words(ending),
                        words(allowed)),
            "connection " + id);
  }
}

/// Up to `dropped` endings may tell of a client's RST that never came.
std::string compare(const Records& records, const std::vector<Contact>& contacts,
                    const std::string& path, std::uint64_t dropped) {
  Differences out(path);
  const storm::Match match = storm::match(contacts, records.seen);
  for (const std::size_t i : match.contacts_alone) {
    out.add(fmt::format("{}: connected, never recorded", name(contacts[i].behaviour)),
            to_string(contacts[i]));
  }
  for (const std::size_t i : match.seen_alone) {
    out.add("recorded, but never connected", out.line_at(records.offsets[i]));
  }
  static const std::vector<AllowedEnding> kNone;
  for (const auto& [c, s] : match.pairs) {
    const Contact& contact = contacts[c];
    const AllowedEnding& ending = records.seen[s].ending;
    if (contact.surprised) continue;
    const auto allowed = storm::allowed_endings(contact.behaviour);
    if (!storm::contains(allowed, ending)) {
      if (dropped > 0 && may_have_lost_rst(contact, ending, out.line_at(records.offsets[s]))) {
        --dropped;
        std::cerr << fmt::format("    {}: {}: its RST was dropped by the kernel\n",
                                 name(contact.behaviour), words(ending));
        continue;
      }
      out.add(fmt::format("{}: {}; allowed: {}", name(contact.behaviour), words(ending),
                          words(allowed)),
              out.line_at(records.offsets[s]));
    }
    if (const std::uint64_t counted = records.seen[s].requests; counted != contact.requests) {
      out.add(fmt::format("{}: {} requests counted, {} sent", name(contact.behaviour), counted,
                          contact.requests),
              out.line_at(records.offsets[s]));
    }
    const auto requests = records.requests.find(records.ids[s]);
    compare_requests(out, contact, records.ids[s],
                     requests == records.requests.end() ? kNone : requests->second);
  }
  for (const std::string& line : records.strange) out.add("a strange line", line);
  return out.report();
}

class Books : public ::testing::TestWithParam<const char*> {
 protected:
  void start() {
    const char* program = std::getenv("FINACK");
    if (program == nullptr)
      GTEST_SKIP() << "\n*** SKIPPED: FINACK does not name the finack command: no storm was run\n";
    // Large responses go back to the kernel when freed, so that growth is ours and not malloc's.
    ::setenv("MALLOC_MMAP_THRESHOLD_", "1048576", 1);
    DemoOptions options{program, folder_.path(), GetParam(), {}, 0};
    options.flags = {"--workers",         "2",        "--records-overflow", "block",
                     "--record-requests", "abnormal", "--console",          "plain"};
    try {
      server_ = std::make_unique<DemoServer>(options, Deadline(Millis(10000)));
    } catch (const Failure& failure) {
      const std::string why = failure.what();
      if (GetParam() != std::string_view("io_uring") || !why.contains("io_uring")) throw;
      GTEST_SKIP() << "\n*** SKIPPED: io_uring is refused on this host: " << why
                   << "\n*** The books of its backend were NOT tested.\n";
    }
    began_ = SteadyClock::now();
    dropped_before_ = dropped_packets();
  }

  /// Runs a storm, waits until the server has ended every connection, and keeps the contacts.
  void storm(std::uint64_t connections, std::uint64_t seed) {
    storm::StormOptions options;
    options.port = server_->port();
    options.connections = connections;
    options.seed = seed;
    // So few that their packets fit into a core's backlog (net.core.netdev_max_backlog).
    options.concurrency = 96;
    auto generator = storm::Generator::create(options);
    ASSERT_TRUE(generator) << generator.error().what;
    auto result = (*generator)->run();
    ASSERT_TRUE(result) << result.error().what;
    std::cerr << fmt::format("    {}: {} connections in {} ms, {} failed\n", GetParam(),
                             result->connects_completed, result->elapsed.count(),
                             result->connects_failed);
    EXPECT_EQ(result->connects_failed, 0U) << result->first_failure;
    EXPECT_EQ(result->connects_completed, result->contacts.size());
    for (std::size_t i = 0; i < storm::kBehaviourCount; ++i) {
      const storm::BehaviourCount& count = result->behaviours[i];
      const auto behaviour = static_cast<storm::Behaviour>(i);
      EXPECT_EQ(count.surprised, 0U) << name(behaviour) << ": " << count.first_surprise;
      EXPECT_GT(count.completed, connections / 1000) << name(behaviour) << " is missing";
    }
    completed_ += result->connects_completed;
    requests_ += result->requests_begun;
    contacts_.insert(contacts_.end(), result->contacts.begin(), result->contacts.end());
    EXPECT_TRUE(eventually(Deadline(Millis(20000)), [this] {
      return metric(metrics_page(*server_), "finack_connections_live") == 0;
    })) << "connections stay open after the last client has left";
  }

  void check_metrics() {
    const std::string page = metrics_page(*server_);
    EXPECT_EQ(metric(page, "finack_connections_opened_total"), completed_);
    EXPECT_EQ(metric(page, "finack_connections_ended_total"), completed_);
    EXPECT_EQ(metric(page, "finack_connection_endings_total"), completed_);
    EXPECT_EQ(metric(page, "finack_connections_live"), 0U);
    EXPECT_EQ(metric(page, "finack_requests_live"), 0U);
    EXPECT_EQ(metric(page, "finack_requests_opened_total"), requests_);
    EXPECT_EQ(metric(page, "finack_requests_ended_total"), requests_);
    EXPECT_EQ(metric(page, "finack_request_endings_total"), requests_);
    ASSERT_NE(page.find("\nfinack_unknown_endings_total"), std::string::npos);
    EXPECT_EQ(metric(page, "finack_unknown_endings_total"), 0U);
    EXPECT_EQ(metric(page, "finack_records_dropped_total"), 0U);
  }

  void check_growth(const Footprint& before, const Footprint& after) {
    EXPECT_LE(after.descriptors, before.descriptors + 2);
    std::cerr << fmt::format("    {}: descriptors {} to {}, resident {} to {} KiB\n", GetParam(),
                             before.descriptors, after.descriptors, before.resident_kib,
                             after.resident_kib);
    // A sanitizer keeps freed memory back on purpose, and finds leaks its own way.
    if (kSanitized) return;
    EXPECT_LE(after.resident_kib, before.resident_kib + kGrowthKib);
  }

  void check_records() {
    const Records records = read_records(server_->records_path());
    EXPECT_EQ(records.seen.size(), completed_);
    EXPECT_EQ(records.causes.count("unknown"), 0U);
    EXPECT_EQ(records.causes.count("bug.invariant"), 0U);
    const std::string differences =
        compare(records, contacts_, server_->records_path(), dropped_packets() - dropped_before_);
    EXPECT_EQ(differences, "");
    for (const auto& [cause, count] : records.causes) {
      std::cerr << fmt::format("    {:>9} {}\n", count, cause);
    }
    causes_ = records.causes.size();
  }

  /// A storm must not flood a log.
  void check_console() {
    const auto ran = std::chrono::duration_cast<Millis>(SteadyClock::now() - began_);
    const auto windows = static_cast<std::uint64_t>(ran / kConsoleWindow) + 2;
    const std::string console = server_->standard_error();
    const auto lines = static_cast<std::uint64_t>(std::ranges::count(console, '\n'));
    // Causes of requests and findings come beside those of connections.
    EXPECT_LE(lines, (causes_ + 8) * kConsoleLines * windows);
    EXPECT_GT(lines, causes_);
  }

  Folder folder_;
  std::unique_ptr<DemoServer> server_;
  SteadyClock::time_point began_;
  std::uint64_t dropped_before_ = 0;
  std::vector<Contact> contacts_;
  std::uint64_t completed_ = 0;
  std::uint64_t requests_ = 0;
  std::size_t causes_ = 0;
};

TEST_P(Books, BalanceAfterAStorm) {
  start();
  if (IsSkipped()) return;
  const std::uint64_t connections = storm_connections();
  // Pools grow to what so many connections at one time need; after that nothing may grow.
  storm(std::max(connections / 5, std::min(connections, kWarm)), 7);
  if (HasFatalFailure()) return;
  const Footprint before = footprint(server_->pid());
  storm(connections, 8);
  if (HasFatalFailure()) return;
  check_growth(before, footprint(server_->pid()));
  check_metrics();
  server_->signal(SIGTERM);
  EXPECT_EQ(server_->wait_exit(Deadline(Millis(40000))), 0) << server_->standard_error();
  check_records();
  check_console();
  if (HasFailure()) std::cerr << "    kept: " << folder_.path() << "\n";
}

INSTANTIATE_TEST_SUITE_P(Backends, Books, ::testing::Values("epoll", "io_uring"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace finack::e2e
