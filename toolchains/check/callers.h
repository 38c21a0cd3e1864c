// Holds: who calls a function, to name the culprit of a leak. A call through a
// pointer stays unseen without -q. The verdict depends on it only where libc's
// heap is linked on purpose (checked), where a name alone is no leak.
// Read next: callers.cc

#ifndef HAKMEM_TOOLCHAINS_CHECK_CALLERS_H_
#define HAKMEM_TOOLCHAINS_CHECK_CALLERS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "toolchains/check/elf_file.h"

namespace hakmem::check {

struct AddressRange {
  uint64_t begin = 0;
  uint64_t end = 0;
};

class Callers {
 public:
  // Looks for references to the addresses in `targets`: in the relocations if
  // the linker kept them, otherwise in the machine code. What refers to them
  // from within `ignored` is left out.
  static Callers Find(ElfFile* file, const std::set<uint64_t>& targets,
                      AddressRange ignored);

  // The functions that refer to `target`, by name.
  [[nodiscard]] std::vector<std::string> Of(uint64_t target) const;
  // The names that relocations use for `target`; empty without -q. Several
  // names may share one address, and only this tells which one was meant.
  [[nodiscard]] std::set<std::string> NamesOf(uint64_t target) const;
  // How many relocations refer to a symbol, 0 without -q.
  [[nodiscard]] size_t relocations() const { return relocations_; }

 private:
  void FromRelocations(const ElfFile& file, const std::set<uint64_t>& targets,
                       const std::vector<Relocation>& relocations);
  void FromCode(const ElfFile& file, const std::set<uint64_t>& targets,
                const Code& code);
  [[nodiscard]] bool Ignored(uint64_t address) const;
  void Add(uint64_t target, uint64_t from);
  [[nodiscard]] std::string FunctionAt(uint64_t address) const;

  AddressRange ignored_;
  std::vector<const Symbol*> functions_;  // ordered by address
  std::map<uint64_t, std::set<std::string>> callers_;
  std::map<uint64_t, std::set<std::string>> names_;
  size_t relocations_ = 0;
};

}  // namespace hakmem::check

#endif  // HAKMEM_TOOLCHAINS_CHECK_CALLERS_H_
