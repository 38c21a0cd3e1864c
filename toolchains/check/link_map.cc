#include "toolchains/check/link_map.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace hakmem::check {
namespace {

constexpr std::string_view kBlank = " \t\r";
constexpr std::string_view kLibc = "libc.a(";

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// Takes the first word off `rest`.
std::string_view NextWord(std::string_view* rest) {
  *rest = Trim(*rest);
  const size_t end = std::min(rest->find_first_of(kBlank), rest->size());
  const std::string_view word = rest->substr(0, end);
  rest->remove_prefix(end);
  return word;
}

std::optional<uint64_t> Number(std::string_view word, int base) {
  if (word.substr(0, 2) == "0x") {
    word.remove_prefix(2);
    base = 16;
  }
  uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(word.data(), word.data() + word.size(), value, base);
  if (word.empty() || error != std::errc() ||
      end != word.data() + word.size()) {
    return std::nullopt;
  }
  return value;
}

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

}  // namespace

std::string_view LibcMember(std::string_view object) {
  const size_t at = object.rfind(kLibc);
  if (at == std::string_view::npos || object.back() != ')') return {};
  if (at != 0 && object[at - 1] != '/') return {};
  const size_t begin = at + kLibc.size();
  return object.substr(begin, object.size() - begin - 1);
}

LinkMap LinkMap::Parse(std::string_view text) {
  LinkMap map;
  Format format = Format::kUnknown;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    format = map.ReadHeading(line, format);
    if (map.in_members_ && map.ReadMember(line)) continue;
    if (format == Format::kGnu) map.ReadGnuLine(line);
    if (format == Format::kLld) map.ReadLldLine(line, true);
    if (format == Format::kMold) map.ReadLldLine(line, false);
  }
  map.known_ = format != Format::kUnknown;
  std::stable_sort(map.code_.begin(), map.code_.end(),
                   [](const MappedCode& a, const MappedCode& b) {
                     return a.address < b.address;
                   });
  return map;
}

LinkMap::Format LinkMap::ReadHeading(std::string_view line, Format format) {
  if (StartsWith(line, "Archive member included")) {
    in_members_ = true;
    return Format::kGnu;
  }
  if (StartsWith(line, "Memory Configuration") ||
      StartsWith(line, "Memory map") || StartsWith(line, "Linker script and")) {
    in_members_ = false;
    return Format::kGnu;
  }
  if (format != Format::kUnknown) return format;
  std::string_view rest = line;
  if (NextWord(&rest) != "VMA") return format;
  return NextWord(&rest) == "LMA" ? Format::kLld : Format::kMold;
}

// A member's name starts its line; who asked for it follows, indented, or
// behind a short name. Other sections start with a heading that is no member.
bool LinkMap::ReadMember(std::string_view line) {
  if (line.empty() || StartsWith(line, "Archive member included")) return true;
  const bool indented = kBlank.find(line[0]) != std::string_view::npos;
  std::string_view reason = Trim(line);
  if (!indented) {
    const size_t end = line.find(')');
    if (end == std::string_view::npos || line.find('(') > end) {
      in_members_ = false;
      return false;
    }
    members_.push_back({std::string(line.substr(0, end + 1)), "", ""});
    reason = Trim(line.substr(end + 1));
  }
  const size_t open = reason.rfind(" (");
  if (open == std::string_view::npos || members_.empty()) return true;
  members_.back().because = Trim(reason.substr(0, open));
  const std::string_view symbol = reason.substr(open + 2);
  members_.back().symbol = symbol.substr(0, symbol.find(')'));
  return true;
}

// " .text  0xADDRESS  0xSIZE OBJECT", where a long section name stands on a
// line of its own.
void LinkMap::ReadGnuLine(std::string_view line) {
  if (line.empty() || line[0] != ' ') {
    pending_section_.clear();
    return;
  }
  std::string_view rest = line;
  std::string_view word = NextWord(&rest);
  if (!word.empty() && word[0] == '.') {
    pending_section_ = word;
    word = NextWord(&rest);
  }
  const std::optional<uint64_t> address = Number(word, 16);
  const std::optional<uint64_t> size = Number(NextWord(&rest), 16);
  const std::string_view object = Trim(rest);
  if (!address.has_value() || !size.has_value() || object.empty()) return;
  if (*address != 0 && *size != 0 && StartsWith(pending_section_, ".text")) {
    code_.push_back({*address, *size, std::string(object)});
  }
}

// lld: VMA LMA Size Align OBJECT:(SECTION), in hexadecimal; mold has no LMA
// and its sizes are decimal.
void LinkMap::ReadLldLine(std::string_view line, bool two_addresses) {
  std::string_view rest = line;
  const std::optional<uint64_t> address = Number(NextWord(&rest), 16);
  if (two_addresses) NextWord(&rest);
  const std::optional<uint64_t> size =
      Number(NextWord(&rest), two_addresses ? 16 : 10);
  NextWord(&rest);
  const std::string_view input = Trim(rest);
  const size_t section = input.rfind(":(");
  if (!address.has_value() || !size.has_value() || *size == 0 ||
      section == std::string_view::npos ||
      !StartsWith(input.substr(section), ":(.text")) {
    return;
  }
  code_.push_back({*address, *size, std::string(input.substr(0, section))});
}

std::string LinkMap::ObjectAt(uint64_t address) const {
  auto after = std::upper_bound(
      code_.begin(), code_.end(), address,
      [](uint64_t a, const MappedCode& c) { return a < c.address; });
  if (after == code_.begin()) return "";
  --after;
  return address - after->address < after->size ? after->object : "";
}

std::string LinkMap::LibcPath() const {
  for (const MappedCode& code : code_) {
    if (LibcMember(code.object).empty()) continue;
    return code.object.substr(0, code.object.rfind('('));
  }
  return "";
}

}  // namespace hakmem::check
