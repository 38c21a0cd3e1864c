#include "toolchains/check/report.h"

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace hakmem::check {
namespace {

constexpr size_t kMaxNamed = 4;

const char* Word(Verdict verdict) {
  switch (verdict) {
    case Verdict::kClosed:
      return "closed";
    case Verdict::kOpen:
      return "open";
    case Verdict::kCannotTell:
      return "cannot tell";
  }
  return "";
}

std::string Hex(unsigned char c, const char* format) {
  char buffer[8];
  std::snprintf(buffer, sizeof(buffer), format, c);
  return buffer;
}

// Names come from the file: no control character reaches a terminal.
std::string Printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out +=
        byte < 0x20 || byte == 0x7f ? Hex(byte, "\\x%02x") : std::string(1, c);
  }
  return out;
}

// Bytes that are no ASCII are written as if they were Latin-1: any file name
// gives valid JSON.
std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += Hex(byte, "\\u%04x");
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string Field(const char* name, std::string_view value) {
  return Quoted(name) + ": " + Quoted(value);
}

std::string List(const char* name, const std::vector<std::string>& values) {
  std::string out = Quoted(name) + ": [";
  for (const std::string& value : values) {
    if (&value != &values.front()) out += ", ";
    out += Quoted(value);
  }
  return out + "]";
}

std::string Object(const Finding& finding) {
  return "{" + Field("kind", finding.kind) + ", " +
         Field("symbol", finding.symbol) + ", " +
         Field("object", finding.object) + ", " + Field("text", finding.text) +
         "}";
}

void AddLine(const char* heading, std::string_view text, std::string* out) {
  if (text.empty()) return;
  *out += "  ";
  *out += heading;
  *out += Printable(text) + "\n";
}

}  // namespace

std::string Join(const std::vector<std::string>& words) {
  std::string out;
  const size_t shown = std::min(words.size(), kMaxNamed);
  for (size_t i = 0; i < shown; ++i) out += (i == 0 ? "" : ", ") + words[i];
  if (words.size() > shown) {
    out += " and " + std::to_string(words.size() - shown) + " more";
  }
  return out;
}

std::string AsText(const Report& report) {
  std::string out = std::string(Word(report.verdict)) + ": ";
  out += Printable(report.file);
  if (!report.reason.empty()) out += ": " + Printable(report.reason);
  out += "\n";
  for (const Finding& finding : report.findings) {
    AddLine("- ", finding.text, &out);
  }
  if (!report.mode.empty()) {
    AddLine("hakmem   ", report.variant + ", " + report.mode + " mode", &out);
  }
  if (!report.libc.empty()) {
    AddLine("libc     ",
            report.libc + " " +
                (report.libc_version.empty()
                     ? "of a version that the file does not tell (--libc does)"
                     : report.libc_version) +
                (report.libc_verified ? ", verified" : ""),
            &out);
  }
  AddLine("linker   ", report.linker, &out);
  for (const std::string& proof : report.proofs) {
    AddLine("seen     ", proof, &out);
  }
  for (const std::string& warning : report.warnings) {
    AddLine("warning  ", warning, &out);
  }
  return out;
}

std::string AsJson(const Report& report) {
  std::string out = "{" + Field("file", report.file) + ", ";
  out += Field("verdict", Word(report.verdict)) + ", ";
  out += "\"exit\": " + std::to_string(static_cast<int>(report.verdict)) + ", ";
  out += Field("reason", report.reason) + ", ";
  out += Field("mode", report.mode) + ", ";
  out += Field("variant", report.variant) + ", ";
  out += Field("libc", report.libc) + ", ";
  out += Field("libc_version", report.libc_version) + ", ";
  out += "\"libc_verified\": ";
  out += report.libc_verified ? "true, " : "false, ";
  out += Field("linker", report.linker) + ", ";
  out += "\"findings\": [";
  for (const Finding& finding : report.findings) {
    if (&finding != &report.findings.front()) out += ", ";
    out += Object(finding);
  }
  out += "], " + List("seen", report.proofs) + ", ";
  return out + List("warnings", report.warnings) + "}\n";
}

}  // namespace hakmem::check
