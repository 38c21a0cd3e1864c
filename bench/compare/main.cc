// compare: runs every workload with every allocator, side by side, and writes
// what came out. See kUsage.
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "bench/compare/extra_link.h"
#include "bench/compare/options.h"
#include "bench/compare/results.h"
#include "bench/compare/runner.h"
#include "bench/compare/summary.h"

namespace bench {
namespace {

// Below the working directory, which is that of the runfiles.
constexpr char kPrograms[] = "bench/compare/programs";
constexpr char kObjects[] = "bench/compare/objects";
constexpr char kReportPage[] = "bench/compare/report.html";
constexpr int kRunSeconds = 600;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

bool WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  return file.good();
}

// One thing that is to be run again and again.
struct Entry {
  const Case* of;
  const Allocator* allocator;
  std::vector<std::string> command;
};

class Comparison {
 public:
  explicit Comparison(Options options)
      : options_(std::move(options)),
        results_(options_.cases, options_.allocators) {}

  // Each of them returns an empty string, or what is wrong.
  std::string Prepare();
  void Run();
  std::string Write() const;
  int own_failures() const { return own_failures_; }

 private:
  std::string Program(const Case& one, const Allocator& allocator) const;
  void FindPrograms();
  void RunOne(const Entry& entry, int round);
  void ShowProgress(const Entry& entry, int round);
  std::string Machine() const;

  Options options_;
  Results results_;
  std::vector<std::vector<Entry>> entries_;  // by case
  std::string extra_programs_;
  time_t started_ = 0;
  int total_ = 0;
  int done_ = 0;
  int own_failures_ = 0;
};

std::string Comparison::Program(const Case& one,
                                const Allocator& allocator) const {
  const std::string name = ProgramName(one, allocator);
  if (name.empty()) return "";
  for (const std::string& folder : {std::string(kPrograms), extra_programs_}) {
    const std::string path = absl::StrCat(folder, "/", name);
    if (!folder.empty() && access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

void Comparison::FindPrograms() {
  for (const Case& one : results_.cases()) {
    std::vector<Entry> entries;
    for (const Allocator& allocator : results_.allocators()) {
      const std::string program = Program(one, allocator);
      if (program.empty()) continue;
      entries.push_back(
          {&one, &allocator, Command(one, program, options_.smoke)});
    }
    total_ += static_cast<int>(entries.size()) *
              std::min(options_.rounds, one.most_rounds);
    entries_.push_back(entries);
  }
}

std::string Comparison::Prepare() {
  mkdir(options_.out.c_str(), 0777);
  if (access(options_.out.c_str(), W_OK) != 0) {
    return absl::StrCat("The folder ", options_.out, " cannot be written.");
  }
  if (!options_.extras.empty()) {
    extra_programs_ = absl::StrCat(options_.out, "/programs");
    mkdir(extra_programs_.c_str(), 0777);
  }
  for (const Extra& extra : options_.extras) {
    const std::string wrong =
        LinkExtra(extra, options_.cases, kObjects, extra_programs_);
    if (!wrong.empty()) return wrong;
  }
  FindPrograms();
  for (const Allocator& allocator : results_.allocators()) {
    const bool found = std::any_of(
        entries_.begin(), entries_.end(), [&](const std::vector<Entry>& all) {
          return std::any_of(all.begin(), all.end(), [&](const Entry& entry) {
            return entry.allocator == &allocator;
          });
        });
    if (!found) {
      results_.Note(absl::StrCat(allocator.name,
                                 " is left out: it was not built for the "
                                 "chosen workloads on this machine."));
    }
  }
  return total_ > 0 ? "" : "There is nothing to run.";
}

void Comparison::ShowProgress(const Entry& entry, int round) {
  const double spent = difftime(time(nullptr), started_);
  const double left = done_ == 0 ? 0 : spent / done_ * (total_ - done_);
  const bool terminal = isatty(STDERR_FILENO) != 0;
  fprintf(stderr, "%s[%d/%d] %s with %s, round %d, %d min %02d s left%s",
          terminal ? "\r\033[K" : "", done_ + 1, total_,
          entry.of->Name().c_str(), entry.allocator->name.c_str(), round,
          static_cast<int>(left) / 60, static_cast<int>(left) % 60,
          terminal ? "" : "\n");
}

void Comparison::RunOne(const Entry& entry, int round) {
  ShowProgress(entry, round);
  const RunResult result = RunProgram(entry.command, kRunSeconds);
  ++done_;
  if (result.error.empty()) {
    results_.Add(*entry.of, *entry.allocator, round, result.measurements);
    return;
  }
  // That another allocator fails is a result; that ours does is a fault.
  if (entry.allocator->role == Role::kHakmem) ++own_failures_;
  const std::string sentence =
      absl::StrCat(entry.of->Name(), " with ", entry.allocator->name,
                   " in round ", round, " ", result.error, ".");
  fprintf(stderr, "\n%s\n", sentence.c_str());
  results_.Note(sentence);
}

void Comparison::Run() {
  started_ = time(nullptr);
  for (const std::vector<Entry>& of_case : entries_) {
    if (of_case.empty()) continue;
    const int rounds = std::min(options_.rounds, of_case[0].of->most_rounds);
    for (int round = 1; round <= rounds; ++round) {
      for (const Entry& entry : of_case) RunOne(entry, round);
    }
  }
  fprintf(stderr, "\n");
}

std::string Comparison::Machine() const {
  std::string model = "unknown";
  for (absl::string_view line :
       absl::StrSplit(ReadFile("/proc/cpuinfo"), '\n')) {
    if (!absl::StartsWith(line, "model name")) continue;
    model = std::string(absl::StripPrefix(
        absl::StripAsciiWhitespace(line.substr(line.find(':') + 1)), " "));
    break;
  }
  utsname name;
  uname(&name);
  char date[64];
  strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", gmtime(&started_));
  return absl::StrFormat(
      "%s, %s, %d cores (%s), Linux %s; gcc %s; %s, interleaved "
      "A B C A B C, every program linked statically; medians.%s\n",
      date, name.machine, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)),
      model, name.release, __VERSION__,
      RoundsInWords(results_.cases(), options_.rounds),
      options_.smoke ? " **Smoke run: the numbers mean nothing.**" : "");
}

std::string Comparison::Write() const {
  const std::string page = absl::StrReplaceAll(
      ReadFile(kReportPage),
      {{"/*DATA*/null", results_.Json()}, {"<!--MACHINE-->", Machine()}});
  const std::vector<std::pair<std::string, std::string>> files = {
      {"results.csv", results_.Csv()},
      {"summary.md", Summary(results_, Machine())},
      {"report.html", page}};
  for (const auto& file : files) {
    const std::string path = absl::StrCat(options_.out, "/", file.first);
    if (!WriteFile(path, file.second)) {
      return absl::StrCat(path, " could not be written.");
    }
    fprintf(stderr, "%s\n", path.c_str());
  }
  return "";
}

void List() {
  printf("Cases (workload/label: parameters):\n");
  for (const Case& one : AllCases()) {
    printf("  %s: %s\n", one.Name().c_str(),
           one.arguments.empty() ? "defaults" : one.Parameters().c_str());
  }
  printf("Allocators (libc):\n");
  for (const Allocator& one : AllAllocators()) {
    printf("  %s (%s)\n", one.name.c_str(), one.libc.c_str());
  }
}

// `bazel run` starts us in the runfiles; paths are meant from where it was
// called.
std::string FromCaller(const std::string& path) {
  const char* caller = getenv("BUILD_WORKING_DIRECTORY");
  if (caller == nullptr || absl::StartsWith(path, "/")) return path;
  return absl::StrCat(caller, "/", path);
}

int Main(const std::vector<std::string>& arguments) {
  Options options;
  std::string wrong = ParseOptions(arguments, &options);
  if (!wrong.empty()) {
    fprintf(stderr, "%s\n", wrong.c_str());
    return 2;
  }
  if (options.help) printf("%s", kUsage);
  if (options.list) List();
  if (options.help || options.list) return 0;
  options.out = FromCaller(options.out);
  for (Extra& extra : options.extras) {
    extra.link[0] = FromCaller(extra.link[0]);
  }
  Comparison comparison(options);
  wrong = comparison.Prepare();
  if (!wrong.empty()) {
    fprintf(stderr, "%s\n", wrong.c_str());
    return 2;
  }
  comparison.Run();
  wrong = comparison.Write();
  if (!wrong.empty()) fprintf(stderr, "%s\n", wrong.c_str());
  return wrong.empty() && comparison.own_failures() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::Main(std::vector<std::string>(argv + 1, argv + argc));
}
