#include "bench/compare/results.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace bench {
namespace {

std::string Quoted(const std::string& text) {
  return absl::StrCat("\"", text, "\"");
}

Maybe Divide(Maybe above, Maybe below) {
  if (!above.present || !below.present || below.value <= 0) return {};
  return {true, above.value / below.value};
}

}  // namespace

double MedianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2;
}

Maybe GeometricMean(const std::vector<double>& values) {
  double sum = 0;
  int count = 0;
  for (double value : values) {
    if (value <= 0) continue;
    sum += std::log(value);
    ++count;
  }
  if (count == 0) return {};
  return {true, std::exp(sum / count)};
}

void Results::Add(const Case& one, const Allocator& allocator, int round,
                  const std::vector<Measurement>& measurements) {
  for (const Measurement& measured : measurements) {
    rows_.push_back({&one, allocator.name, allocator.libc, measured, round});
    values_[{one.Name(), {allocator.name, measured.metric}}].push_back(
        measured.value);
  }
}

bool Results::Has(const Allocator& allocator) const {
  return std::any_of(rows_.begin(), rows_.end(), [&](const Row& row) {
    return row.allocator == allocator.name;
  });
}

const std::vector<double>* Results::Values(const std::string& case_name,
                                           const std::string& allocator,
                                           const std::string& metric) const {
  const auto found = values_.find({case_name, {allocator, metric}});
  return found == values_.end() ? nullptr : &found->second;
}

Maybe Results::Median(const std::string& case_name,
                      const std::string& allocator,
                      const std::string& metric) const {
  const std::vector<double>* values = Values(case_name, allocator, metric);
  if (values == nullptr) return {};
  return {true, MedianOf(*values)};
}

Maybe Results::Spread(const std::string& case_name,
                      const std::string& allocator,
                      const std::string& metric) const {
  const std::vector<double>* values = Values(case_name, allocator, metric);
  if (values == nullptr) return {};
  const auto ends = std::minmax_element(values->begin(), values->end());
  return Divide({true, *ends.second - *ends.first}, {true, MedianOf(*values)});
}

Maybe Results::BestOther(const std::string& case_name, const std::string& libc,
                         const std::string& metric, std::string* who) const {
  Maybe best;
  for (const Allocator& other : allocators_) {
    if (other.role != Role::kOther || other.libc != libc) continue;
    const Maybe median = Median(case_name, other.name, metric);
    if (!median.present) continue;
    if (best.present && best.value <= median.value) continue;
    best = median;
    if (who != nullptr) *who = other.name;
  }
  return best;
}

Maybe Results::RatioToBest(const std::string& case_name,
                           const Allocator& allocator,
                           const std::string& metric) const {
  return Divide(Median(case_name, allocator.name, metric),
                BestOther(case_name, allocator.libc, metric, nullptr));
}

Maybe Results::RatioToFloor(const std::string& case_name,
                            const Allocator& allocator,
                            const std::string& metric) const {
  for (const Allocator& other : allocators_) {
    if (other.role != Role::kFloor || other.libc != allocator.libc) continue;
    return Divide(Median(case_name, allocator.name, metric),
                  Median(case_name, other.name, metric));
  }
  return {};
}

std::string Results::Csv() const {
  std::string csv =
      "workload,parameters,allocator,libc,metric,unit,round,value\n";
  for (const Row& row : rows_) {
    absl::StrAppendFormat(&csv, "%s,%s,%s,%s,%s,%s,%d,%.10g\n", row.of->Name(),
                          row.of->Parameters(), row.allocator, row.libc,
                          row.measured.metric, row.measured.unit, row.round,
                          row.measured.value);
  }
  return csv;
}

std::string Results::Json() const {
  std::vector<std::string> cases;
  for (const Case& one : cases_) cases.push_back(Quoted(one.Name()));
  static const char* const kRoles[] = {"hakmem", "other", "floor"};
  std::vector<std::string> allocators;
  for (const Allocator& one : allocators_) {
    if (!Has(one)) continue;
    allocators.push_back(
        absl::StrFormat(R"({"name":"%s","libc":"%s","role":"%s"})", one.name,
                        one.libc, kRoles[static_cast<int>(one.role)]));
  }
  // Keys are sorted: case, allocator, metric.
  std::map<std::string, std::map<std::string, std::vector<std::string>>> tree;
  for (const auto& item : values_) {
    tree[item.first.first][item.first.second.first].push_back(absl::StrFormat(
        "\"%s\":%.6g", item.first.second.second, MedianOf(item.second)));
  }
  std::vector<std::string> by_case;
  for (const auto& one : tree) {
    std::vector<std::string> by_allocator;
    for (const auto& values : one.second) {
      by_allocator.push_back(absl::StrCat(
          Quoted(values.first), ":{", absl::StrJoin(values.second, ","), "}"));
    }
    by_case.push_back(absl::StrCat(Quoted(one.first), ":{",
                                   absl::StrJoin(by_allocator, ","), "}"));
  }
  return absl::StrCat("{\"cases\":[", absl::StrJoin(cases, ","),
                      "],\n\"allocators\":[", absl::StrJoin(allocators, ","),
                      "],\n\"values\":{", absl::StrJoin(by_case, ",\n"), "}}");
}

}  // namespace bench
