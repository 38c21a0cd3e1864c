// The arithmetic and the command line of compare.
#include <string>
#include <vector>

#include "bench/compare/cases.h"
#include "bench/compare/options.h"
#include "bench/compare/results.h"
#include "bench/compare/runner.h"
#include "bench/compare/summary.h"
#include "gtest/gtest.h"

namespace bench {
namespace {

Results ThreeAllocators() {
  const Case one{"work", "a", {}, Floor::kPlain, 9};
  const std::vector<Allocator> allocators = {
      {"ours", "glibc", Role::kHakmem},    {"slow", "glibc", Role::kOther},
      {"fast", "glibc", Role::kOther},     {"least", "glibc", Role::kFloor},
      {"elsewhere", "musl", Role::kOther},
  };
  Results results({one}, allocators);
  const double values[][3] = {
      {9, 11, 10}, {30, 10, 20}, {8, 8, 8}, {5, 4, 3}, {1, 1, 1}};
  for (size_t i = 0; i < allocators.size(); ++i) {
    for (int round = 0; round < 3; ++round) {
      results.Add(results.cases()[0], results.allocators()[i], round + 1,
                  {{"time_per_op", "ns", values[i][round]}});
    }
  }
  return results;
}

TEST(ResultsTest, MedianAndSpread) {
  EXPECT_EQ(MedianOf({3, 1, 2}), 2);
  EXPECT_EQ(MedianOf({4, 1, 2, 3}), 2.5);
  const Results results = ThreeAllocators();
  EXPECT_EQ(results.Median("work/a", "slow", "time_per_op").value, 20);
  EXPECT_EQ(results.Spread("work/a", "slow", "time_per_op").value, 1);
  EXPECT_FALSE(results.Median("work/a", "slow", "peak_rss").present);
}

TEST(ResultsTest, TheEnvelopeIsTheBestOtherOnTheSameLibc) {
  const Results results = ThreeAllocators();
  std::string who;
  const Maybe best = results.BestOther("work/a", "glibc", "time_per_op", &who);
  EXPECT_EQ(best.value, 8);
  EXPECT_EQ(who, "fast");
  const Allocator& ours = results.allocators()[0];
  EXPECT_EQ(results.RatioToBest("work/a", ours, "time_per_op").value, 1.25);
  EXPECT_EQ(results.RatioToFloor("work/a", ours, "time_per_op").value, 2.5);
}

TEST(ResultsTest, GeometricMean) {
  EXPECT_DOUBLE_EQ(GeometricMean({2, 8}).value, 4);
  EXPECT_FALSE(GeometricMean({}).present);
}

TEST(ResultsTest, CsvHasARowPerValue) {
  const std::string csv = ThreeAllocators().Csv();
  EXPECT_NE(csv.find("workload,parameters,allocator,libc,metric,unit,round,"
                     "value\nwork/a,,ours,glibc,time_per_op,ns,1,9\n"),
            std::string::npos);
}

TEST(SummaryTest, ShowsOursAgainstTheBest) {
  const std::string text = Summary(ThreeAllocators(), "head");
  EXPECT_NE(text.find("| ours | glibc | 1.25 | 1.25 | 1.25 work/a |"),
            std::string::npos)
      << text;
}

TEST(RunnerTest, ReadsLinesOfThreeWords) {
  const RunResult good = ParseOutput("a ns 1.5\nrss@0.5 KiB 7\n");
  EXPECT_EQ(good.error, "");
  ASSERT_EQ(good.measurements.size(), 2u);
  EXPECT_EQ(good.measurements[1].metric, "rss@0.5");
  EXPECT_EQ(good.measurements[1].value, 7);
  EXPECT_NE(ParseOutput("a ns many\n").error, "");
  EXPECT_NE(ParseOutput("one two\n").error, "");
}

TEST(RunnerTest, SaysHowAProgramFailed) {
  EXPECT_EQ(RunProgram({"/bin/sh", "-c", "echo a ns 1"}, 10).error, "");
  EXPECT_EQ(RunProgram({"/bin/sh", "-c", "echo why >&2; exit 3"}, 10).error,
            "ended with exit code 3: why");
  EXPECT_EQ(RunProgram({"/bin/sh", "-c", "kill -9 $$"}, 10).error,
            "was ended by Killed");
  EXPECT_EQ(RunProgram({"/bin/sleep", "60"}, 1).error, "took more than 1 s");
  EXPECT_EQ(RunProgram({"/nowhere/program"}, 10).error, "could not be started");
}

TEST(OptionsTest, ChoosesCasesByProgramOrName) {
  Options options;
  ASSERT_EQ(ParseOptions({"--out=x", "--quick", "--only=latency,larson/2t",
                          "--allocators=musl,glibc"},
                         &options),
            "");
  EXPECT_EQ(options.rounds, 2);
  ASSERT_EQ(options.cases.size(), 2u);
  EXPECT_EQ(options.cases[0].Name(), "larson/2t");
  ASSERT_EQ(options.allocators.size(), 2u);
  EXPECT_EQ(options.allocators[1].name, "musl");
}

TEST(CasesTest, SaysWhatIsRunLessOften) {
  EXPECT_EQ(RoundsInWords(AllCases(), 5), "5 rounds (daemon 3, burst_idle 2)");
  EXPECT_EQ(RoundsInWords(AllCases(), 3), "3 rounds (burst_idle 2)");
  EXPECT_EQ(RoundsInWords(AllCases(), 2), "2 rounds");
  EXPECT_EQ(RoundsInWords(AllCases(), 1), "1 round");
}

TEST(OptionsTest, ExtraAllocatorsAreKeptApart) {
  Options options;
  ASSERT_EQ(ParseOptions({"--out=x", "--extra=a=/a.o -Wl,--wrap=malloc",
                          "--extra=b=/b.a", "--allocators=a,b"},
                         &options),
            "");
  ASSERT_EQ(options.extras.size(), 2u);
  EXPECT_EQ(options.extras[0].link[1], "-Wl,--wrap=malloc");
  EXPECT_EQ(options.allocators[1].name, "b");
  Options again;
  EXPECT_NE(ParseOptions({"--out=x", "--extra=glibc=/a.o"}, &again), "");
}

}  // namespace
}  // namespace bench
