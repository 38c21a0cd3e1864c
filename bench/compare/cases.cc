#include "bench/compare/cases.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace bench {
namespace {

// Not a program of its own but a load on one; see daemon_load.cc.
constexpr char kDaemon[] = "daemon";
constexpr char kDaemonLoad[] = "bench/compare/daemon_load";

constexpr int kEveryRound = 1000;

Case Make(std::string workload, std::string label, const char* arguments,
          Floor floor, int most_rounds = kEveryRound) {
  return Case{std::move(workload), std::move(label),
              absl::StrSplit(arguments, ' ', absl::SkipEmpty()), floor,
              most_rounds};
}

// The curve of cost against live blocks is made of the cases 16..256.
std::vector<Case> RandomMixed() {
  const Floor plain = Floor::kPlain;
  return {
      Make("random_mixed", "256", "live=256 operations=10000000", plain),
      Make("random_mixed", "1k", "live=1000 operations=10000000", plain),
      Make("random_mixed", "10k", "live=10000 operations=8000000", plain),
      Make("random_mixed", "100k", "live=100000 operations=6000000", plain),
      Make("random_mixed", "1m", "live=1000000 operations=2000000", plain),
      Make("random_mixed", "1k-1000b",
           "live=1000 min=8 max=1000 operations=10000000", plain),
      Make("random_mixed", "10k-1024b",
           "live=10000 min=16 max=1024 operations=8000000", plain),
      Make("random_mixed", "100k-1024b",
           "live=100000 min=16 max=1024 operations=5000000", plain),
      Make("random_mixed", "256-16k",
           "live=256 min=16 max=16384 operations=4000000", plain),
      Make("random_mixed", "10k-16k",
           "live=10000 min=16 max=16384 operations=1500000", plain),
      Make("random_mixed", "256-2t", "live=256 threads=2 operations=6000000",
           plain),
      Make("random_mixed", "10k-1024b-2t",
           "live=10000 min=16 max=1024 threads=2 operations=3000000", plain),
      Make("random_mixed", "100k-2t",
           "live=100000 threads=2 operations=2500000", plain),
      Make("random_mixed", "10k-16k-2t",
           "live=10000 min=16 max=16384 threads=2 operations=1000000", plain),
  };
}

std::vector<Case> Threads() {
  const Floor exchange = Floor::kExchange;
  return {
      Make("larson", "1t", "threads=1", exchange),
      Make("larson", "2t", "threads=2", exchange),
      Make("larson", "42t", "1 5 1 1000 100 10000 42", exchange),
      Make("producer_consumer", "1to1", "mode=1:1", exchange),
      Make("producer_consumer", "1ton", "mode=1:n", exchange),
      Make("producer_consumer", "nto1", "mode=n:1", exchange),
      Make("producer_consumer", "ring", "mode=ring", exchange),
      Make("thread_churn", "", "", exchange),
  };
}

std::vector<Case> TheRest() {
  return {
      Make("realloc_growth", "", "", Floor::kNone),
      Make("aligned", "", "", Floor::kPlain),
      Make("large_blocks", "1m", "live=64 max=1048576 operations=8000",
           Floor::kNone),
      Make("large_blocks", "32m", "", Floor::kNone),
      Make("fragment", "", "", Floor::kNone),
      Make("latency", "", "", Floor::kPlain),
      Make("sqlite_mix", "", "", Floor::kPlain),
      Make("lua_scripts", "", "", Floor::kPlain),
      Make(kDaemon, "", "requests=8000", Floor::kNone, 3),
      Make("burst_idle", "free-all", "keep=0", Floor::kNone, 2),
      Make("burst_idle", "keep-16th", "keep=16", Floor::kNone, 2),
  };
}

}  // namespace

std::string Case::Name() const {
  return label.empty() ? workload : absl::StrCat(workload, "/", label);
}

std::string Case::Parameters() const { return absl::StrJoin(arguments, " "); }

std::vector<Allocator> AllAllocators() {
  return {
      {"hakmem", "glibc", Role::kHakmem},
      {"hardened", "glibc", Role::kHakmem},
      {"glibc", "glibc", Role::kOther},
      {"mimalloc", "glibc", Role::kOther},
      {"jemalloc", "glibc", Role::kOther},
      {"tcmalloc", "glibc", Role::kOther},
      {"scudo", "glibc", Role::kOther},
      {"floor", "glibc", Role::kFloor},
      {"hakmem-musl", "musl", Role::kHakmem},
      {"hardened-musl", "musl", Role::kHakmem},
      {"musl", "musl", Role::kOther},
  };
}

std::vector<Case> AllCases() {
  std::vector<Case> cases = RandomMixed();
  for (Case& one : Threads()) cases.push_back(std::move(one));
  for (Case& one : TheRest()) cases.push_back(std::move(one));
  return cases;
}

std::string RoundsInWords(const std::vector<Case>& cases, int rounds) {
  std::vector<std::string> fewer;
  for (const Case& one : cases) {
    if (one.most_rounds >= rounds) continue;
    const std::string words = absl::StrCat(one.workload, " ", one.most_rounds);
    if (fewer.empty() || fewer.back() != words) fewer.push_back(words);
  }
  return absl::StrCat(
      rounds, rounds == 1 ? " round" : " rounds",
      fewer.empty() ? "" : absl::StrCat(" (", absl::StrJoin(fewer, ", "), ")"));
}

std::vector<std::string> Command(const Case& one, const std::string& program,
                                 bool smoke) {
  std::vector<std::string> command = {program};
  if (one.workload == kDaemon) command.insert(command.begin(), kDaemonLoad);
  if (smoke) {
    command.push_back("--smoke");
  } else {
    command.insert(command.end(), one.arguments.begin(), one.arguments.end());
  }
  return command;
}

std::string ProgramName(const Case& one, const Allocator& allocator) {
  if (allocator.role == Role::kFloor) {
    if (one.floor == Floor::kNone) return "";
    const bool exchange = one.floor == Floor::kExchange;
    return absl::StrCat(one.workload, exchange ? ".floor_exchange" : ".floor");
  }
  return absl::StrCat(one.workload, ".", allocator.name);
}

}  // namespace bench
