#include "tests/daemon/json_value.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace hakmem_daemon {
namespace {

constexpr int kMaxDepth = 200;

class Reader {
 public:
  explicit Reader(absl::string_view text) : rest_(text) {}

  bool Value(JsonValue* out, int depth) {
    Skip();
    if (rest_.empty() || depth == 0) return false;
    switch (rest_.front()) {
      case '{':
        return Object(out, depth - 1);
      case '[':
        return Array(out, depth - 1);
      case '"':
        out->kind = JsonValue::Kind::kString;
        return String(&out->text);
      default:
        return Word(out) || Number(out);
    }
  }

  bool AtEnd() {
    Skip();
    return rest_.empty();
  }

 private:
  void Skip() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }

  bool Take(absl::string_view token) {
    Skip();
    return absl::ConsumePrefix(&rest_, token);
  }

  bool Object(JsonValue* out, int depth) {
    out->kind = JsonValue::Kind::kObject;
    if (!Take("{")) return false;
    if (Take("}")) return true;
    do {
      Skip();
      out->members.emplace_back();
      if (!String(&out->members.back().first) || !Take(":") ||
          !Value(&out->members.back().second, depth)) {
        return false;
      }
    } while (Take(","));
    return Take("}");
  }

  bool Array(JsonValue* out, int depth) {
    out->kind = JsonValue::Kind::kArray;
    if (!Take("[")) return false;
    if (Take("]")) return true;
    do {
      out->items.emplace_back();
      if (!Value(&out->items.back(), depth)) return false;
    } while (Take(","));
    return Take("]");
  }

  // Escapes stay as they are: nothing here compares escaped texts.
  bool String(std::string* out) {
    if (!absl::ConsumePrefix(&rest_, "\"")) return false;
    for (size_t i = 0; i < rest_.size(); ++i) {
      const char c = rest_[i];
      if (static_cast<unsigned char>(c) < ' ') return false;
      if (c == '\\') ++i;
      if (c == '"') {
        out->assign(rest_.data(), i);
        rest_.remove_prefix(i + 1);
        return true;
      }
    }
    return false;
  }

  bool Word(JsonValue* out) {
    if (absl::ConsumePrefix(&rest_, "null")) return true;
    out->kind = JsonValue::Kind::kBool;
    out->boolean = absl::ConsumePrefix(&rest_, "true");
    return out->boolean || absl::ConsumePrefix(&rest_, "false");
  }

  bool Number(JsonValue* out) {
    out->kind = JsonValue::Kind::kNumber;
    size_t end = rest_.find_first_not_of("+-.0123456789eE");
    if (end == absl::string_view::npos) end = rest_.size();
    const absl::string_view digits = rest_.substr(0, end);
    rest_.remove_prefix(end);
    int64_t integer = 0;
    if (absl::SimpleAtoi(digits, &integer)) out->integer = integer;
    return absl::SimpleAtod(digits, &out->number);
  }

  absl::string_view rest_;
};

}  // namespace

const JsonValue* JsonValue::Find(absl::string_view key) const {
  for (const auto& member : members) {
    if (member.first == key) return &member.second;
  }
  return nullptr;
}

absl::optional<int64_t> JsonValue::Integer(absl::string_view key) const {
  const JsonValue* value = Find(key);
  return value == nullptr ? absl::nullopt : value->integer;
}

absl::optional<JsonValue> ParseJson(absl::string_view text) {
  Reader reader(text);
  JsonValue value;
  if (!reader.Value(&value, kMaxDepth) || !reader.AtEnd()) return absl::nullopt;
  return value;
}

}  // namespace hakmem_daemon
