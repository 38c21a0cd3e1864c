#include "tests/daemon/replay_data.h"

#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "tests/daemon/command_line.h"

namespace hakmem_daemon {
namespace {

// "device at readings alerts sum text_bytes", or "rejected".
bool ParseExpectation(absl::string_view line, ReplayRecord* record) {
  record->rejected = line == "rejected";
  if (record->rejected) return true;
  const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ');
  if (fields.size() != 6) return false;
  record->device = absl::StrCat(fields[0]);
  return absl::SimpleAtoi(fields[1], &record->at) &&
         absl::SimpleAtoi(fields[2], &record->readings) &&
         absl::SimpleAtoi(fields[3], &record->alerts) &&
         absl::SimpleAtoi(fields[4], &record->sum) &&
         absl::SimpleAtoi(fields[5], &record->text_bytes);
}

}  // namespace

std::vector<ReplayRecord> LoadReplayData(const std::string& records) {
  const std::string expected =
      absl::StrCat(absl::StripSuffix(records, ".jsonl"), ".expected");
  std::ifstream json(records);
  std::ifstream expectations(expected);
  if (!json || !expectations) {
    Die(2, absl::StrCat("Cannot read ", records, " and ", expected, "."));
  }
  std::vector<ReplayRecord> all;
  ReplayRecord record;
  std::string line;
  while (std::getline(json, record.json)) {
    if (!std::getline(expectations, line) || !ParseExpectation(line, &record)) {
      Die(2, absl::StrCat("Line ", all.size() + 1, " of ", expected,
                          " is no expectation."));
    }
    all.push_back(record);
  }
  if (all.empty()) Die(2, absl::StrCat(records, " holds no record."));
  return all;
}

}  // namespace hakmem_daemon
