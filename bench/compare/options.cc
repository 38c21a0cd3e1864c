#include "bench/compare/options.h"

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace bench {

const char kUsage[] =
    "compare --out=DIR [options]\n"
    "  --out=DIR            where results.csv, summary.md and report.html go\n"
    "  --rounds=N           runs of each program, interleaved (default 5);\n"
    "                       fewer of what takes long, see summary.md\n"
    "  --quick              the same as --rounds=2\n"
    "  --only=A,B           these workloads (larson) or cases (larson/2t)\n"
    "  --allocators=A,B     these allocators\n"
    "  --extra=NAME=FILE    adds an allocator: an object or archive that\n"
    "                       defines malloc; more words for the linker may\n"
    "                       follow after blanks. May be repeated.\n"
    "  --list               prints the cases and allocators, and ends\n"
    "  --smoke              tiny runs: tests the bench, measures nothing\n";

namespace {

std::string Workloads(const std::vector<Case>& cases) {
  std::vector<std::string> names;
  for (const Case& one : cases) {
    if (names.empty() || names.back() != one.workload) {
      names.push_back(one.workload);
    }
  }
  return absl::StrJoin(names, ", ");
}

std::string SelectCases(const std::string& list, std::vector<Case>* cases) {
  std::set<std::string> wanted = absl::StrSplit(list, ',', absl::SkipEmpty());
  std::set<std::string> known;
  std::vector<Case> kept;
  for (const Case& one : *cases) {
    known.insert(one.workload);
    known.insert(one.Name());
    if (wanted.count(one.workload) + wanted.count(one.Name()) > 0) {
      kept.push_back(one);
    }
  }
  for (const std::string& name : wanted) {
    if (known.count(name) == 0) {
      return absl::StrCat("There is no workload '", name, "'; there are ",
                          Workloads(*cases), " (and cases, see --list).");
    }
  }
  *cases = std::move(kept);
  return "";
}

std::string SelectAllocators(const std::string& list,
                             std::vector<Allocator>* allocators) {
  std::set<std::string> wanted = absl::StrSplit(list, ',', absl::SkipEmpty());
  std::vector<std::string> known;
  std::vector<Allocator> kept;
  for (const Allocator& one : *allocators) {
    known.push_back(one.name);
    if (wanted.erase(one.name) > 0) kept.push_back(one);
  }
  if (!wanted.empty()) {
    return absl::StrCat("There is no allocator '", *wanted.begin(),
                        "'; there are ", absl::StrJoin(known, ", "), ".");
  }
  *allocators = std::move(kept);
  return "";
}

std::string AddExtra(const std::string& text, Options* options) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(text, absl::MaxSplits('=', 1));
  Extra extra{parts.first,
              absl::StrSplit(parts.second, ' ', absl::SkipEmpty())};
  if (extra.name.empty() || extra.link.empty()) {
    return absl::StrCat("--extra=", text,
                        " is not of the form NAME=FILE [linker words].");
  }
  for (const Allocator& one : options->allocators) {
    if (one.name == extra.name) {
      return absl::StrCat("There is already an allocator '", extra.name, "'.");
    }
  }
  options->allocators.push_back({extra.name, "glibc", Role::kOther});
  options->extras.push_back(std::move(extra));
  return "";
}

std::string ParseRounds(const std::string& text, Options* options) {
  if (absl::SimpleAtoi(text, &options->rounds) && options->rounds >= 1 &&
      options->rounds <= 1000) {
    return "";
  }
  return absl::StrCat("--rounds=", text, " is not a number from 1 to 1000.");
}

// What is chosen among all allocators, once the extra ones are known.
struct Choice {
  std::string only;
  std::string allocators;
};

std::string ParseOne(const std::string& argument, Choice* choice,
                     Options* options) {
  absl::string_view value = argument;
  if (argument == "--quick") {
    options->rounds = 2;
  } else if (argument == "--smoke") {
    options->smoke = true;
  } else if (argument == "--list") {
    options->list = true;
  } else if (argument == "--help") {
    options->help = true;
  } else if (absl::ConsumePrefix(&value, "--out=")) {
    options->out = std::string(value);
  } else if (absl::ConsumePrefix(&value, "--only=")) {
    choice->only = std::string(value);
  } else if (absl::ConsumePrefix(&value, "--allocators=")) {
    choice->allocators = std::string(value);
  } else if (absl::ConsumePrefix(&value, "--rounds=")) {
    return ParseRounds(std::string(value), options);
  } else if (absl::ConsumePrefix(&value, "--extra=")) {
    return AddExtra(std::string(value), options);
  } else {
    return absl::StrCat("There is no option '", argument,
                        "'; --help lists them.");
  }
  return "";
}

}  // namespace

std::string ParseOptions(const std::vector<std::string>& arguments,
                         Options* options) {
  options->cases = AllCases();
  options->allocators = AllAllocators();
  Choice choice;
  for (const std::string& argument : arguments) {
    std::string wrong = ParseOne(argument, &choice, options);
    if (!wrong.empty()) return wrong;
  }
  if (options->help || options->list) return "";
  if (options->out.empty()) {
    return "--out=DIR is missing: the folder for the results.";
  }
  std::string wrong;
  if (!choice.only.empty()) wrong = SelectCases(choice.only, &options->cases);
  if (wrong.empty() && !choice.allocators.empty()) {
    wrong = SelectAllocators(choice.allocators, &options->allocators);
  }
  return wrong;
}

}  // namespace bench
