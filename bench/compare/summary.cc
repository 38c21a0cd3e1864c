#include "bench/compare/summary.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace bench {
namespace {

using Cells = std::vector<std::string>;

constexpr char kTime[] = "time_per_op";
// Of all threads; where others use the cores too it is steadier than time.
constexpr char kCpu[] = "cpu_per_op";
constexpr char kPeak[] = "peak_rss";

std::string Row(const Cells& cells) {
  return absl::StrCat("| ", absl::StrJoin(cells, " | "), " |\n");
}

std::string Head(const Cells& cells) {
  return absl::StrCat(Row(cells), Row(Cells(cells.size(), "---")));
}

// The cell for a value; a dash for one that is missing.
std::string Show(Maybe value, const char* unit_less = "%.2f") {
  if (!value.present) return "-";
  const auto format = absl::ParsedFormat<'f'>::New(unit_less);
  return absl::StrFormat(*format, value.value);
}

std::string ShowTime(Maybe nanoseconds) {
  if (!nanoseconds.present) return "-";
  if (nanoseconds.value >= 1e5) {
    return absl::StrFormat("%.0f us", nanoseconds.value / 1000);
  }
  return absl::StrFormat("%.1f", nanoseconds.value);
}

std::vector<Allocator> Measured(const Results& results) {
  std::vector<Allocator> measured;
  for (const Allocator& one : results.allocators()) {
    if (results.Has(one)) measured.push_back(one);
  }
  return measured;
}

// The ratios of one allocator to the envelope.
struct Standing {
  Maybe by_case;      // geometric mean, every case counts the same
  Maybe by_workload;  // every program counts the same
  Maybe worst;
  std::string worst_case;
};

Standing StandingOf(const Results& results, const Allocator& allocator,
                    const std::string& metric) {
  std::map<std::string, std::vector<double>> by_workload;
  std::vector<double> all;
  Standing standing;
  for (const Case& one : results.cases()) {
    const Maybe ratio = results.RatioToBest(one.Name(), allocator, metric);
    if (!ratio.present) continue;
    all.push_back(ratio.value);
    by_workload[one.workload].push_back(ratio.value);
    if (standing.worst.present && ratio.value <= standing.worst.value) continue;
    standing.worst = ratio;
    standing.worst_case = one.Name();
  }
  std::vector<double> means;
  for (const auto& workload : by_workload) {
    const Maybe mean = GeometricMean(workload.second);
    if (mean.present) means.push_back(mean.value);
  }
  standing.by_case = GeometricMean(all);
  standing.by_workload = GeometricMean(means);
  return standing;
}

Maybe MeanToFloor(const Results& results, const Allocator& allocator) {
  std::vector<double> ratios;
  for (const Case& one : results.cases()) {
    const Maybe ratio = results.RatioToFloor(one.Name(), allocator, kTime);
    if (ratio.present) ratios.push_back(ratio.value);
  }
  return GeometricMean(ratios);
}

std::string Worst(const Standing& standing) {
  if (!standing.worst.present) return "-";
  return absl::StrCat(Show(standing.worst), " ", standing.worst_case);
}

std::string EnvelopeTable(const Results& results) {
  std::string text =
      "## Against the envelope\n\n"
      "The envelope is, on each case, the best of the other allocators on the "
      "same libc (not hakmem's, not the floor). Geometric means of the "
      "medians' ratios; \"by program\" lets the cases of one program count as "
      "one.\n\n";
  text += Head({"allocator", "libc", "time", "by program", "worst case", "CPU",
                "peak RSS", "by program", "worst case", "time / floor"});
  for (const Allocator& one : Measured(results)) {
    if (one.role == Role::kFloor) continue;
    const Standing time = StandingOf(results, one, kTime);
    const Standing cpu = StandingOf(results, one, kCpu);
    const Standing rss = StandingOf(results, one, kPeak);
    text += Row({one.name, one.libc, Show(time.by_case), Show(time.by_workload),
                 Worst(time), Show(cpu.by_case), Show(rss.by_case),
                 Show(rss.by_workload), Worst(rss),
                 Show(MeanToFloor(results, one))});
  }
  return text + "\n";
}

std::string CaseTable(const Results& results, const char* title,
                      const std::string& metric, bool time) {
  const std::vector<Allocator> allocators = Measured(results);
  std::string text = absl::StrCat("## ", title, "\n\n");
  Cells head = {"case"};
  for (const Allocator& one : allocators) head.push_back(one.name);
  head.push_back("best other");
  for (const Allocator& one : allocators) {
    if (one.role == Role::kHakmem) head.push_back(one.name + " / best");
  }
  text += Head(head);
  for (const Case& one : results.cases()) {
    Cells row = {one.Name()};
    for (const Allocator& allocator : allocators) {
      const Maybe median = results.Median(one.Name(), allocator.name, metric);
      const Maybe spread = results.Spread(one.Name(), allocator.name, metric);
      std::string cell = time ? ShowTime(median) : Show(median, "%.0f");
      if (time && spread.present) {
        absl::StrAppendFormat(&cell, " ±%.0f%%", spread.value * 50);
      }
      row.push_back(cell);
    }
    std::string who = "-";
    results.BestOther(one.Name(), "glibc", metric, &who);
    row.push_back(who);
    for (const Allocator& allocator : allocators) {
      if (allocator.role != Role::kHakmem) continue;
      row.push_back(Show(results.RatioToBest(one.Name(), allocator, metric)));
    }
    text += Row(row);
  }
  return text + "\n";
}

// One row per allocator, one column per metric, for one case.
std::string MetricTable(const Results& results, const std::string& title,
                        const std::string& case_name, const Cells& metrics,
                        const char* format) {
  Cells head = {"allocator"};
  head.insert(head.end(), metrics.begin(), metrics.end());
  std::string text = absl::StrCat("## ", title, "\n\n", Head(head));
  bool any = false;
  for (const Allocator& one : Measured(results)) {
    Cells row = {one.name};
    for (const std::string& metric : metrics) {
      const Maybe median = results.Median(case_name, one.name, metric);
      any = any || median.present;
      row.push_back(Show(median, format));
    }
    text += Row(row);
  }
  return any ? text + "\n" : "";
}

Maybe Quotient(const Results& results, const std::string& above,
               const std::string& below, const std::string& allocator,
               double scale) {
  const Maybe a = results.Median(above, allocator, kTime);
  const Maybe b = results.Median(below, allocator, kTime);
  if (!a.present || !b.present || b.value <= 0) return {};
  return {true, scale * a.value / b.value};
}

// Cost at 1M live blocks over cost at 1k, and throughput of a thread when there
// are two over its throughput alone (time_per_op is wall time by all calls, so
// two threads that do not disturb each other halve it).
std::string ScalingTable(const Results& results) {
  static const char* const kPairs[][2] = {
      {"larson/1t", "larson/2t"},
      {"random_mixed/256", "random_mixed/256-2t"},
      {"random_mixed/10k-1024b", "random_mixed/10k-1024b-2t"},
      {"random_mixed/100k", "random_mixed/100k-2t"},
      {"random_mixed/10k-16k", "random_mixed/10k-16k-2t"}};
  Cells head = {"allocator", "1m / 1k live"};
  for (const auto& pair : kPairs) head.push_back(pair[1]);
  std::string text = absl::StrCat(
      "## Scaling\n\nCost at 1M live blocks over cost at 1k; then throughput "
      "per thread with two threads over one.\n\n",
      Head(head));
  for (const Allocator& one : Measured(results)) {
    Cells row = {one.name, Show(Quotient(results, "random_mixed/1m",
                                         "random_mixed/1k", one.name, 1))};
    for (const auto& pair : kPairs) {
      row.push_back(Show(Quotient(results, pair[0], pair[1], one.name, 0.5)));
    }
    text += Row(row);
  }
  return text + "\n";
}

}  // namespace

std::string Summary(const Results& results, const std::string& head) {
  std::string text = absl::StrCat("# Comparison of allocators\n\n", head, "\n");
  for (const std::string& note : results.notes()) {
    absl::StrAppend(&text, "* ", note, "\n");
  }
  absl::StrAppend(
      &text, "\n", EnvelopeTable(results),
      CaseTable(results, "Time per operation (ns, median ± half the spread)",
                kTime, true),
      CaseTable(results, "Peak RSS (KiB, median)", kPeak, false),
      CaseTable(results, "RSS after everything was freed (KiB, median)",
                "final_rss", false));
  text += MetricTable(
      results, "Latency of a call (ns)", "latency",
      {"latency@50", "latency@99", "latency@99.9", "latency@99.99",
       "latency@100", "max_quiet", "max_no_syscall", "page_faults", "syscalls"},
      "%.0f");
  text += MetricTable(results, "After a burst: everything freed (KiB)",
                      "burst_idle/free-all",
                      {"start_rss", "burst_rss", "rss@0", "rss@0.5", "rss@2",
                       "rss@10", "excess_2s"},
                      "%.0f");
  const Cells kept = {"survivor_pages", "burst_rss", "rss@0",
                      "rss@2",          "rss@10",    "excess_2s"};
  text += MetricTable(results, "After a burst: one block in 16 kept (KiB)",
                      "burst_idle/keep-16th", kept, "%.0f");
  text += MetricTable(results, "RSS over the pages that survivors touch",
                      "burst_idle/keep-16th", {"held_over_survivors"}, "%.2f");
  text += MetricTable(
      results, "A daemon's life: RSS over live bytes", "fragment",
      {"peak_over_live", "mean_over_live", "final_over_live"}, "%.2f");
  return text + ScalingTable(results);
}

}  // namespace bench
