#include "toolchains/check/warnings.h"

#include <elf.h>

#include <string>
#include <string_view>
#include <vector>

#include "toolchains/check/names.h"

namespace hakmem::check {
namespace {

// The version, and what it means for the proof.
void WarnAboutLibc(ElfFile* file, const LibcArchive* libc, Report* report) {
  const bool musl = report->libc == "musl";
  if (libc != nullptr && (libc->kind.empty() || libc->kind == report->libc)) {
    report->libc_version = libc->version;
  } else if (libc != nullptr) {
    report->warnings.push_back("The libc.a that was given is " + libc->kind +
                               ", the program's is " + report->libc + ".");
  }
  if (report->libc_version.empty() && !musl) {
    std::string found = file->FindText("stable release version ");
    while (!found.empty() && found.back() == '.') found.pop_back();
    report->libc_version = found;
  }
  const std::string verified(musl ? kVerifiedMusl : kVerifiedGlibc);
  report->libc_verified = report->libc_version == verified;
  if (!report->libc_version.empty() && !report->libc_verified) {
    report->warnings.push_back(
        report->libc + " " + report->libc_version +
        " has not been verified (verified: " + verified + ")" +
        (libc == nullptr ? "; --libc reads the heap's names from libc.a."
                         : "; the heap's names were read from libc.a."));
  }
  if (libc == nullptr) return;
  for (const Reference& r : libc->around) {
    report->warnings.push_back("libc.a(" + r.member + ") refers to " +
                               r.symbol +
                               ", a part of libc's heap that is not taken "
                               "over; programs that link it will be open.");
  }
}

// Seen with gold of binutils 2.40; hakmem has no part in it.
void WarnAboutLinker(const ElfFile& file, const SymbolIndex& symbols,
                     Report* report) {
  if (report->linker != "gold" || file.machine() != EM_AARCH64) return;
  if (!symbols.Has("__cxa_throw")) return;
  report->warnings.emplace_back(
      "Static aarch64 programs of gold abort at the first C++ exception, with "
      "any malloc; link with another linker.");
}

// Libc's functions have no business here: the names are the program's own.
void WarnAboutLocals(const Seen& seen, Report* report) {
  if (report->variant.empty()) return;
  for (const auto& [address, stranger] : seen.locals) {
    const std::vector<std::string> who = seen.callers.Of(address);
    report->warnings.push_back(
        "A local function is called " + Join(stranger.names) +
        (who.empty() ? "" : " (called by " + Join(who) + ")") +
        "; --wrap does not touch it, which is right if it is a static "
        "function of the program's own.");
  }
}

// In the other variants no heap of libc's is there to point at.
void WarnAboutPointers(const Callers& callers, Report* report) {
  if (report->variant != "checked" || report->mode != "wrap") return;
  if (report->verdict != Verdict::kClosed || callers.relocations() != 0) return;
  report->warnings.emplace_back(
      "Libc's heap is in the file, by design, and only the machine code was "
      "asked who calls it: a pointer to it was not seen. Link with -Wl,-q to "
      "see pointers, too.");
}

// That second C library has a heap of its own.
void WarnAboutLibraries(const SymbolIndex& symbols, const Callers& callers,
                        Report* report) {
  if (report->libc == "musl" || !symbols.Has("_dl_open")) return;
  std::vector<std::string> loaders;
  for (const std::string_view name : kOpensLibraries) {
    for (const Symbol* symbol : symbols.All(name)) {
      if (callers.Of(symbol->value).empty()) continue;
      if (!Contains(loaders, name)) loaders.emplace_back(name);
    }
  }
  for (const std::string_view name : kLoadsLibraries) {
    if (symbols.Has(name)) loaders.emplace_back(name);
  }
  if (loaders.empty()) return;
  report->warnings.push_back(
      "With " + Join(loaders) +
      " glibc may load shared libraries at run time, and with them a second "
      "libc.so with a heap of its own; pointers must not cross.");
}

}  // namespace

void Warn(ElfFile* file, const SymbolIndex& symbols, const Evidence& evidence,
          const Seen& seen, Report* report) {
  WarnAboutLibc(file, evidence.libc, report);
  WarnAboutLinker(*file, symbols, report);
  WarnAboutLocals(seen, report);
  WarnAboutPointers(seen.callers, report);
  WarnAboutLibraries(symbols, seen.callers, report);
}

}  // namespace hakmem::check
