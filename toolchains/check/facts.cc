#include "toolchains/check/facts.h"

#include <algorithm>

#include "toolchains/check/names.h"

namespace hakmem::check {
namespace {

template <typename List>
bool HasAny(const SymbolIndex& symbols, const List& names) {
  return std::any_of(std::begin(names), std::end(names),
                     [&](std::string_view n) { return symbols.Has(n); });
}

std::string Marked(const SymbolIndex& symbols, const std::string& prefix,
                   const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    if (!symbols.Has(prefix + word)) continue;
    out += (out.empty() ? "" : "+") + word;
  }
  return out;
}

// A stub that a linker makes: an erratum's, or for a branch that is too long.
bool LinkerMade(std::string_view name) {
  return name.find('@') != std::string_view::npos ||
         name.find("_veneer") != std::string_view::npos ||
         name.find("Thunk_") != std::string_view::npos;
}

// libc's start code has local functions in every program: without a single one
// the linker or strip dropped them, and libc's hidden names with them.
bool HasLocalFunctions(const ElfFile& file) {
  const auto& symbols = file.symbols();
  return std::any_of(symbols.begin(), symbols.end(), [](const Symbol& s) {
    return s.defined() && s.function() && s.binding == STB_LOCAL &&
           !LinkerMade(s.name);
  });
}

}  // namespace

SymbolIndex::SymbolIndex(const ElfFile& file) {
  for (const Symbol& symbol : file.symbols()) {
    if (!symbol.defined() || symbol.name.empty()) continue;
    by_name_.emplace(BaseName(symbol.name), &symbol);
  }
}

std::vector<const Symbol*> SymbolIndex::All(std::string_view name) const {
  std::vector<const Symbol*> out;
  const auto [begin, end] = by_name_.equal_range(name);
  for (auto it = begin; it != end; ++it) out.push_back(it->second);
  return out;
}

std::string WhyNot(const ElfFile& file, const SymbolIndex& symbols) {
  if (file.type() == ET_REL) {
    return "it is an object file; give the program that was linked from it.";
  }
  if (file.type() != ET_EXEC && file.type() != ET_DYN) {
    return "it is neither a program nor a library.";
  }
  const bool program = symbols.Has("_start");
  if (file.type() == ET_DYN && !file.marked_pie() && !program &&
      !file.has_interpreter()) {
    return "it is a shared library; hakmem is for static programs.";
  }
  if (file.has_interpreter() || file.needs_libraries()) {
    return "it is linked dynamically, so its malloc is chosen at run time; "
           "link with -static or -static-pie.";
  }
  if (!file.has_symbol_table()) {
    return "it is stripped, which hides any heap; check the file that the "
           "linker wrote, before strip.";
  }
  if (!program || !HasLocalFunctions(file)) {
    return "its symbol table is not complete (strip, or -x, -s, "
           "--discard-all at the link); check the file that the linker wrote.";
  }
  if (LibcKind(symbols).empty()) {
    return "its C library is neither glibc nor musl.";
  }
  return "";
}

std::string LibcKind(const SymbolIndex& symbols) {
  if (HasAny(symbols, kGlibcTraces)) return "glibc";
  return HasAny(symbols, kMuslTraces) ? "musl" : "";
}

std::string HakmemVariant(const SymbolIndex& symbols) {
  return Marked(symbols, "hakmem_marker_", {"release", "hardened", "checked"});
}

std::string HakmemMode(const SymbolIndex& symbols) {
  return Marked(symbols, "hakmem_mode_", {"wrap", "override"});
}

std::string Linker(const ElfFile& file) {
  if (file.comment().find("LLD ") != std::string::npos) return "ld.lld";
  if (file.comment().find("mold ") != std::string::npos) return "mold";
  return file.HasSection(".note.gnu.gold-version") ? "gold" : "ld.bfd";
}

}  // namespace hakmem::check
