// A JSON reader for answers of the daemon: independent of everything that the
// daemon uses, so that a fault there is seen here.

#ifndef TESTS_DAEMON_JSON_VALUE_H_
#define TESTS_DAEMON_JSON_VALUE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace hakmem_daemon {

struct JsonValue {
  enum class Kind { kNull, kBool, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  bool boolean = false;
  double number = 0;
  // Exact, for the numbers written without fraction and exponent.
  absl::optional<int64_t> integer;
  std::string text;
  std::vector<JsonValue> items;
  std::vector<std::pair<std::string, JsonValue>> members;

  // The member `key`, or nullptr.
  const JsonValue* Find(absl::string_view key) const;

  // The integer member `key`, or nothing.
  absl::optional<int64_t> Integer(absl::string_view key) const;
};

// Nothing if `text` is not exactly one JSON document.
absl::optional<JsonValue> ParseJson(absl::string_view text);

}  // namespace hakmem_daemon

#endif  // TESTS_DAEMON_JSON_VALUE_H_
