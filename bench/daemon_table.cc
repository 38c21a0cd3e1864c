#include "bench/daemon_table.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace hakmem_bench {

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2;
}

std::string Spread(const std::vector<double>& values, int decimals) {
  if (values.empty()) return "-";
  const auto ends = std::minmax_element(values.begin(), values.end());
  std::string median = absl::StrFormat("%.*f", decimals, Median(values));
  const std::string low = absl::StrFormat("%.*f", decimals, *ends.first);
  const std::string high = absl::StrFormat("%.*f", decimals, *ends.second);
  if (low == high) return median;
  return absl::StrCat(median, " (", low, " to ", high, ")");
}

std::string Ratio(const TableRow& row) {
  std::vector<double> ratios;
  const size_t rounds = std::min(row.left.size(), row.right.size());
  for (size_t i = 0; i < rounds; ++i) {
    if (row.right[i] > 0) ratios.push_back(row.left[i] / row.right[i]);
  }
  return ratios.empty() ? "-" : absl::StrFormat("%.3f", Median(ratios));
}

std::string Align(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppendFormat(&line, "%-*s", static_cast<int>(widths[i] + 2),
                            row[i]);
    }
    absl::StripTrailingAsciiWhitespace(&line);
    absl::StrAppend(&out, line, "\n");
  }
  return out;
}

}  // namespace hakmem_bench
