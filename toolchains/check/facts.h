// Holds: what kind of program this is, before anything is judged.
// Read next: judge.cc

#ifndef HAKMEM_TOOLCHAINS_CHECK_FACTS_H_
#define HAKMEM_TOOLCHAINS_CHECK_FACTS_H_

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "toolchains/check/elf_file.h"

namespace hakmem::check {

// The defined symbols of a program, by the name without what a compiler adds.
class SymbolIndex {
 public:
  explicit SymbolIndex(const ElfFile& file);

  [[nodiscard]] bool Has(std::string_view name) const {
    return by_name_.count(name) != 0;
  }
  // Every definition of `name`; a local one is as real as a global one.
  [[nodiscard]] std::vector<const Symbol*> All(std::string_view name) const;

 private:
  std::unordered_multimap<std::string_view, const Symbol*> by_name_;
};

// A sentence that says why nothing can be proved about this file, or "".
std::string WhyNot(const ElfFile& file, const SymbolIndex& symbols);

// "glibc", "musl" or "".
std::string LibcKind(const SymbolIndex& symbols);

// "release", "hardened", "checked", several joined by "+", or "" without
// hakmem; likewise "wrap" and "override".
std::string HakmemVariant(const SymbolIndex& symbols);
std::string HakmemMode(const SymbolIndex& symbols);

// "ld.lld", "gold 1.16" and so on; only ld.bfd does not sign.
std::string Linker(const ElfFile& file);

}  // namespace hakmem::check

#endif  // HAKMEM_TOOLCHAINS_CHECK_FACTS_H_
