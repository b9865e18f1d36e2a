#include "finack/sinks/metrics.h"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <tuple>

#include "sinks/cluster_metric_list.h"
#include "sinks/metric_family.h"
#include "sinks/metric_list.h"
#include "sinks/process_facts.h"

namespace finack::sinks {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using record::Counters;
using record::Purpose;
using Sources = std::span<const CounterSource>;

constexpr record::Role kRoles[] = {record::Role::server, record::Role::client};
constexpr Purpose kNontraffic[] = {Purpose::admin, Purpose::health};

std::string text_of(std::string_view view) { return std::string(view); }

/// One book read once: `live` is computed, so that the three agree.
struct BookReading {
  std::uint64_t opened = 0;
  std::uint64_t ended = 0;
  std::uint64_t live() const { return opened - ended; }
};

BookReading read(const record::Book& book) {
  BookReading reading;
  reading.ended = book.ended.get();  // First: nothing ends before it opens.
  reading.opened = std::max(book.opened.get(), reading.ended);
  return reading;
}

/// Sum of one number over sources.
template <class Get>
auto sum(Sources sources, Get get) {
  decltype(get(*sources[0].counters)) total{};
  for (const CounterSource& source : sources) total += get(*source.counters);
  return total;
}

/// Whether there is anything to say of that role.
bool has_role(Sources sources, record::Role role) {
  return std::any_of(sources.begin(), sources.end(), [&](const CounterSource& s) {
    return role == record::Role::server || s.counters->dialed.connections.opened.get() != 0 ||
           s.counters->dialed.requests.opened.get() != 0;
  });
}

template <class Get>
void by_role(std::vector<MetricFamily>& all, const MetricInfo& info, Sources sources, Get get) {
  Family family(all, info);
  for (const record::Role role : kRoles) {
    if (!has_role(sources, role)) continue;
    const auto value = sum(sources, [&](const Counters& c) { return get(c.of(role)); });
    family.add(value, {{"role", text_of(name(role))}});
  }
}

template <class Get>
ClientMetric::Histogram histogram(Sources sources, Get get) {
  using record::Histogram;
  std::array<std::uint64_t, Histogram::kBuckets> buckets{};
  Nanos total{0};
  for (const CounterSource& source : sources) {
    const Histogram& one = get(*source.counters);
    for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += one.bucket(i);
    total += one.sum();
  }
  ClientMetric::Histogram out;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    out.sample_count += buckets[i];
    out.bucket.push_back(
        {.cumulative_count = out.sample_count,
         .upper_bound = i < Histogram::kBounds
                            ? std::chrono::duration<double>(Histogram::bound(i)).count()
                            : std::numeric_limits<double>::infinity()});
  }
  out.sample_sum = std::chrono::duration<double>(total).count();
  return out;
}

void histograms(std::vector<MetricFamily>& all, const MetricInfo& info, Sources sources,
                record::Histogram record::Books::* member) {
  Family family(all, info);
  for (const record::Role role : kRoles) {
    // Without a source the family still shows that nothing was counted.
    if (!has_role(sources, role) && role != record::Role::server) continue;
    family.add(histogram(sources, [&](const Counters& c) -> auto& { return c.of(role).*member; }),
               {{"role", text_of(name(role))}});
  }
}

struct BookInfos {
  const MetricInfo& opened;
  const MetricInfo& ended;
  const MetricInfo& live;
};

void books(std::vector<MetricFamily>& all, const BookInfos& infos, Sources sources,
           record::Book record::Books::* book) {
  // Two ledgers of one worker (two listeners, say) share a series.
  std::map<std::pair<record::Role, std::uint32_t>, BookReading> rows;
  for (const record::Role role : kRoles) {
    if (!has_role(sources, role)) continue;
    for (const CounterSource& source : sources) {
      const BookReading one = read(source.counters->of(role).*book);
      BookReading& row = rows[{role, source.worker}];
      row.opened += one.opened;
      row.ended += one.ended;
    }
  }
  Family opened(all, infos.opened);
  Family ended(all, infos.ended);
  Family live(all, infos.live);
  for (const auto& [key, row] : rows) {
    const Labels labels{{"role", text_of(name(key.first))}, {"worker", std::to_string(key.second)}};
    opened.add(row.opened, labels);
    ended.add(row.ended, labels);
    live.add(row.live(), labels);
  }
}

using EndCounts =
    std::map<std::tuple<record::Role, record::EndedBy, record::How, record::Phase, record::Cause>,
             std::uint64_t>;

EndCounts end_counts(Sources sources, record::Book record::Books::* book) {
  EndCounts counts;
  for (const CounterSource& source : sources) {
    for (const record::Role role : kRoles) {
      for (const auto& [key, count] : (source.counters->of(role).*book).endings.rows()) {
        counts[{key.role, key.ended_by, key.how, key.phase, key.cause}] += count;
      }
    }
  }
  return counts;
}

/// Returns how many of them are unknown.
std::uint64_t endings(std::vector<MetricFamily>& all, const MetricInfo& info, Sources sources,
                      record::Book record::Books::* book) {
  std::uint64_t unknown = 0;
  Family family(all, info);
  for (const auto& [key, count] : end_counts(sources, book)) {
    const auto& [role, ended_by, how, phase, cause] = key;
    if (cause == record::Cause::unknown) unknown += count;
    family.add(count, {{"role", text_of(name(role))},
                       {"ended_by", text_of(name(ended_by))},
                       {"how", text_of(name(how))},
                       {"phase", text_of(name(phase))},
                       {"cause", text_of(name(cause))}});
  }
  return unknown;
}

void live_by_phase(std::vector<MetricFamily>& all, Sources sources) {
  Family family(all, kConnectionsInPhase);
  for (const record::Role role : kRoles) {
    if (!has_role(sources, role)) continue;
    const record::PhaseSet phases =
        role == record::Role::server ? record::server_phases() : record::client_phases();
    for (std::size_t i = 0; i < record::kPhaseCount; ++i) {
      const auto phase = static_cast<record::Phase>(i);
      if (!phases.contains(phase)) continue;
      const auto live =
          sum(sources, [&](const Counters& c) { return c.of(role).live_by_phase[i].get(); });
      // Reading is not atomic over workers' two writes of a move; a gauge never shows a negative.
      family.add(std::max<std::int64_t>(live, 0),
                 {{"role", text_of(name(role))}, {"phase", text_of(name(phase))}});
    }
  }
}

void bytes(std::vector<MetricFamily>& all, Sources traffic) {
  by_role(all, kReceivedBytes, traffic, [](auto& c) { return c.connections.bytes_in.get(); });
  by_role(all, kSentBytes, traffic, [](auto& c) { return c.connections.bytes_out.get(); });
  by_role(all, kUndeliveredBytes, traffic,
          [](auto& c) { return c.connections.undelivered_bytes.get(); });
  by_role(all, kRequestReceivedBytes, traffic, [](auto& c) { return c.requests.bytes_in.get(); });
  by_role(all, kRequestSentBytes, traffic, [](auto& c) { return c.requests.bytes_out.get(); });
}

void closed_lists(std::vector<MetricFamily>& all, Sources traffic) {
  Family(all, kHandlerExceptions).add(sum(traffic, [](auto& c) { return c.exceptions.get(); }));
  {
    Family family(all, kTimerFires);
    for (std::size_t i = 0; i < record::kTimerKindCount; ++i) {
      family.add(sum(traffic, [&](auto& c) { return c.timer_fires[i].get(); }),
                 {{"timer", text_of(name(static_cast<record::TimerKind>(i)))}});
    }
  }
  {
    Family family(all, kFindings);
    for (std::size_t i = 0; i < record::kFindingCount; ++i) {
      family.add(sum(traffic, [&](auto& c) { return c.findings[i].get(); }),
                 {{"finding", text_of(name(static_cast<record::Finding>(i)))}});
    }
  }
  Family family(all, kAccepts);
  const auto accepts = [&](const char* result, record::Count record::AcceptCounts::* member) {
    family.add(sum(traffic, [&](auto& c) { return (c.accepts.*member).get(); }),
               {{"result", result}});
  };
  accepts("accepted", &record::AcceptCounts::accepted);
  accepts("aborted", &record::AcceptCounts::aborted);
  accepts("failed", &record::AcceptCounts::failed);
  accepts("shed", &record::AcceptCounts::shed);
}

void responses(std::vector<MetricFamily>& all, Sources traffic) {
  Family family(all, kResponses);
  for (const record::Role role : kRoles) {
    if (!has_role(traffic, role)) continue;
    for (std::size_t i = 0; i < 5; ++i) {
      family.add(sum(traffic, [&](auto& c) { return c.of(role).responses[i].get(); }),
                 {{"role", text_of(name(role))}, {"class", std::to_string(i + 1) + "xx"}});
    }
  }
}

void nontraffic(std::vector<MetricFamily>& all, Sources sources) {
  Family opened(all, kNontrafficOpened);
  Family ended(all, kNontrafficEnded);
  Family live(all, kNontrafficLive);
  for (const Purpose purpose : kNontraffic) {
    BookReading total;
    for (const CounterSource& source : sources) {
      if (source.purpose != purpose) continue;
      for (const record::Role role : kRoles) {
        const BookReading one = read(source.counters->of(role).connections);
        total.opened += one.opened;
        total.ended += one.ended;
      }
    }
    const Labels labels{{"purpose", text_of(name(purpose))}};
    opened.add(total.opened, labels);
    ended.add(total.ended, labels);
    live.add(total.live(), labels);
  }
}

void dropped_lines(std::vector<MetricFamily>& all, const DroppedLines& lines) {
  {
    Family family(all, kRecordLinesDropped);
    family.add(lines.records, {{"sink", "records"}});
    family.add(lines.console, {{"sink", "console"}});
  }
  Family(all, kLogLinesDropped).add(lines.log);
}

void process(std::vector<MetricFamily>& all) {
  const ProcessFacts facts = read_process_facts();
  Family(all, kOpenFds).add(facts.open_fds);
  Family(all, kMaxFds).add(facts.max_fds);
  Family(all, kResidentBytes).add(facts.resident_bytes);
  Family(all, kCpuSeconds).add(facts.cpu_seconds);
  Family(all, kStartTime).add(facts.start_seconds);
}

std::string_view type_word(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return "counter";
    case prometheus::MetricType::Histogram:
      return "histogram";
    default:
      return "gauge";
  }
}

constexpr std::string_view kTableHead = "| metric | type | labels | meaning |\n|---|---|---|---|\n";

void append_rows(std::string& out, std::span<const MetricInfo* const> list) {
  for (const MetricInfo* info : list) {
    std::string labels;
    for (std::string_view rest = info->labels; !rest.empty();) {
      const std::size_t end = std::min(rest.find(", "), rest.size());
      if (!labels.empty()) labels += ", ";
      labels += fmt::format("`{}`", rest.substr(0, end));
      rest.remove_prefix(std::min(end + 2, rest.size()));
    }
    fmt::format_to(std::back_inserter(out), "| `{}` | {} | {} | {} |\n", info->name,
                   type_word(info->type), labels, info->help);
  }
}

}  // namespace

std::vector<MetricFamily> Metrics::Collect() const {
  const std::vector<CounterSource> sources = options_.counters();
  std::vector<CounterSource> traffic;
  std::copy_if(sources.begin(), sources.end(), std::back_inserter(traffic),
               [](const CounterSource& s) { return s.purpose == Purpose::traffic; });
  std::set<std::uint32_t> workers;
  for (const CounterSource& source : traffic) workers.insert(source.worker);

  std::vector<MetricFamily> all;
  all.reserve(std::size(kMetricList));
  Family(all, kBuildInfo)
      .add(1, {{"version", options_.version},
               {"revision", options_.revision},
               {"loop_backend", options_.loop_backend}});
  Family(all, kWorkers).add(workers.size());
  books(all, {kConnectionsOpened, kConnectionsEnded, kConnectionsLive}, traffic,
        &Counters::connections);
  live_by_phase(all, traffic);
  std::uint64_t unknown = endings(all, kConnectionEndings, traffic, &Counters::connections);
  books(all, {kRequestsOpened, kRequestsEnded, kRequestsLive}, traffic, &Counters::requests);
  unknown += endings(all, kRequestEndings, traffic, &Counters::requests);
  Family(all, kUnknownEndings).add(unknown);
  Family(all, kEndingsOverflowed).add(sum(traffic, [](auto& c) {
    return c.connections.endings.overflowed() + c.requests.endings.overflowed() +
           c.dialed.connections.endings.overflowed() + c.dialed.requests.endings.overflowed();
  }));
  responses(all, traffic);
  histograms(all, kRequestDuration, traffic, &Counters::request_duration);
  histograms(all, kTimeToFirstByte, traffic, &Counters::time_to_first_byte);
  bytes(all, traffic);
  closed_lists(all, traffic);
  Family(all, kLoopDelay).add(histogram(traffic, [](auto& c) -> auto& { return c.loop_delay; }));
  Family(all, kRecordsDropped).add(sum(sources, [](auto& c) { return c.dropped_records.get(); }));
  dropped_lines(all, options_.dropped_lines ? options_.dropped_lines() : DroppedLines{});
  nontraffic(all, sources);
  process(all);
  sort_as_listed(all, kMetricList);
  if (options_.more) options_.more(all);
  return all;
}

std::string Metrics::text() const { return prometheus::TextSerializer().Serialize(Collect()); }

std::string metrics_reference_markdown() {
  std::string out =
      "# Metrics\n\n"
      "<!-- Generated from the tables in the code. Do not edit. -->\n\n"
      "Prometheus text on the admin listener, `/metrics`. The words in `ended_by`, `how`, `phase` "
      "and\n"
      "`cause` are those of [endings.md](endings.md). [operations.md](operations.md) says which "
      "alerts to\n"
      "set first.\n\n" +
      std::string(kTableHead);
  append_rows(out, kMetricList);
  out +=
      "\n## Clusters\n\n"
      "What `finack serve` adds, of the clusters that its file has now. A cluster whose settings "
      "change\n"
      "begins anew. `server` is the address as the file has it; one that a cluster lists twice "
      "counts once,\n"
      "as the first of them.\n\n" +
      std::string(kTableHead);
  append_rows(out, kClusterMetricList);
  return out;
}

}  // namespace finack::sinks
