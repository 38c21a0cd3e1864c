// Rounds of two candidates, side by side.

#ifndef BENCH_DAEMON_TABLE_H_
#define BENCH_DAEMON_TABLE_H_

#include <string>
#include <vector>

namespace hakmem_bench {

// One value for each round, of each candidate.
struct TableRow {
  std::string name;
  int decimals = 0;
  std::vector<double> left;
  std::vector<double> right;
};

// The middle value, or the mean of the two in the middle.
double Median(std::vector<double> values);

// "2683 (2601 to 2710)": median and spread; without the spread if all are the
// same.
std::string Spread(const std::vector<double>& values, int decimals);

// The median of left / right, each formed within one round: the machine's mood
// changes from one round to the next, and cancels out within one.
std::string Ratio(const TableRow& row);

// Rows of text, padded to columns.
std::string Align(const std::vector<std::vector<std::string>>& rows);

}  // namespace hakmem_bench

#endif  // BENCH_DAEMON_TABLE_H_
