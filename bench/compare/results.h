// All that was measured, and what is formed from it.
#ifndef BENCH_COMPARE_RESULTS_H_
#define BENCH_COMPARE_RESULTS_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/compare/cases.h"
#include "bench/compare/runner.h"

namespace bench {

// A value that may be missing.
struct Maybe {
  bool present = false;
  double value = 0;
};

class Results {
 public:
  Results(std::vector<Case> cases, std::vector<Allocator> allocators)
      : cases_(std::move(cases)), allocators_(std::move(allocators)) {}

  void Add(const Case& one, const Allocator& allocator, int round,
           const std::vector<Measurement>& measurements);
  // A sentence for the reader of the summary.
  void Note(const std::string& sentence) { notes_.push_back(sentence); }

  const std::vector<Case>& cases() const { return cases_; }
  const std::vector<Allocator>& allocators() const { return allocators_; }
  const std::vector<std::string>& notes() const { return notes_; }
  bool Has(const Allocator& allocator) const;

  Maybe Median(const std::string& case_name, const std::string& allocator,
               const std::string& metric) const;
  // (largest - smallest) / median.
  Maybe Spread(const std::string& case_name, const std::string& allocator,
               const std::string& metric) const;
  // The envelope: the best median of the other allocators on this libc.
  // `who`, when given, receives its name.
  Maybe BestOther(const std::string& case_name, const std::string& libc,
                  const std::string& metric, std::string* who) const;
  // Median over envelope, over the floor.
  Maybe RatioToBest(const std::string& case_name, const Allocator& allocator,
                    const std::string& metric) const;
  Maybe RatioToFloor(const std::string& case_name, const Allocator& allocator,
                     const std::string& metric) const;

  std::string Csv() const;
  // {"cases": [...], "allocators": [...], "values": {case: {allocator:
  // {metric: median}}}}
  std::string Json() const;

 private:
  struct Row {
    const Case* of;
    std::string allocator;
    std::string libc;
    Measurement measured;
    int round;
  };
  using Key = std::pair<std::string, std::pair<std::string, std::string>>;
  const std::vector<double>* Values(const std::string& case_name,
                                    const std::string& allocator,
                                    const std::string& metric) const;

  std::vector<Case> cases_;
  std::vector<Allocator> allocators_;
  std::vector<std::string> notes_;
  std::vector<Row> rows_;
  std::map<Key, std::vector<double>> values_;
};

double MedianOf(std::vector<double> values);
// Geometric mean; missing for an empty list. A value that is not positive has
// no logarithm and is left out.
Maybe GeometricMean(const std::vector<double>& values);

}  // namespace bench

#endif  // BENCH_COMPARE_RESULTS_H_
