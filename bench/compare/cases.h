// What is compared: the allocators and the cases (a workload with parameters).
#ifndef BENCH_COMPARE_CASES_H_
#define BENCH_COMPARE_CASES_H_

#include <string>
#include <vector>

namespace bench {

enum class Role {
  kHakmem,  // one of ours; never part of the envelope
  kOther,   // what a user would pick instead
  kFloor,   // the limit
};

struct Allocator {
  std::string name;
  std::string libc;
  Role role;
};

// Which form of the floor serves a case; see floor/floor.c. It has no policy
// about pages, so where page faults decide there is none.
enum class Floor { kNone, kPlain, kExchange };

struct Case {
  std::string workload;  // the program
  std::string label;     // tells the cases of one program apart; may be empty
  std::vector<std::string> arguments;
  Floor floor;
  int most_rounds;  // a case that takes long is not repeated as often

  // "random_mixed/1k", which is what --only takes.
  std::string Name() const;
  std::string Parameters() const;
};

std::vector<Allocator> AllAllocators();
std::vector<Case> AllCases();

// "5 rounds (daemon 3, burst_idle 2)": how often each of `cases` is run.
std::string RoundsInWords(const std::vector<Case>& cases, int rounds);

// The file name of a program, below the folder of the programs.
std::string ProgramName(const Case& one, const Allocator& allocator);

// How `program` is started for a case.
std::vector<std::string> Command(const Case& one, const std::string& program,
                                 bool smoke);

}  // namespace bench

#endif  // BENCH_COMPARE_CASES_H_
