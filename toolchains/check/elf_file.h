// Holds: what the check needs of an ELF file: symbols, relocations, how it was
// linked. Plain <elf.h>; no offset in the file is believed.
// Read next: elf_file.cc

#ifndef HAKMEM_TOOLCHAINS_CHECK_ELF_FILE_H_
#define HAKMEM_TOOLCHAINS_CHECK_ELF_FILE_H_

#include <elf.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "toolchains/check/byte_source.h"

namespace hakmem::check {

struct Symbol {
  std::string_view name;  // points into the ElfFile
  uint64_t value;
  uint64_t size;
  uint16_t section;
  uint8_t type;
  uint8_t binding;

  [[nodiscard]] bool defined() const {
    return section != SHN_UNDEF && type != STT_SECTION && type != STT_FILE;
  }
  [[nodiscard]] bool function() const {
    return type == STT_FUNC || type == STT_GNU_IFUNC;
  }
};

// A reference that the linker kept (-q): from an address to a symbol.
struct Relocation {
  uint64_t address;
  uint32_t symbol;
};

// A piece of machine code and where it is loaded.
struct Code {
  uint64_t address;
  std::string bytes;
};

class ElfFile {
 public:
  // A sentence in `error` unless this is a whole 64-bit little-endian ELF file
  // for x86-64 or aarch64.
  static std::optional<ElfFile> Parse(const ByteSource& source,
                                      std::string* error);
  ElfFile(ElfFile&&) = default;
  ElfFile& operator=(ElfFile&&) = default;
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  [[nodiscard]] uint16_t machine() const { return header_.e_machine; }
  [[nodiscard]] uint16_t type() const { return header_.e_type; }
  [[nodiscard]] bool has_interpreter() const { return has_interpreter_; }
  [[nodiscard]] bool needs_libraries() const { return needs_libraries_; }
  [[nodiscard]] bool marked_pie() const { return marked_pie_; }
  [[nodiscard]] bool has_symbol_table() const { return has_symbol_table_; }
  [[nodiscard]] const std::vector<Symbol>& symbols() const { return symbols_; }
  // What compilers and linkers signed with; "" without a .comment section.
  [[nodiscard]] const std::string& comment() const { return comment_; }
  [[nodiscard]] bool HasSection(std::string_view name) const;

  // Relocations that refer to the symbol table; empty without -q.
  [[nodiscard]] std::optional<std::vector<Relocation>> Relocations();
  [[nodiscard]] std::optional<std::vector<Code>> CodeSections();
  // The rest of a text that begins with `prefix`, to the end of its line.
  [[nodiscard]] std::string FindText(std::string_view prefix);

 private:
  ElfFile(const ByteSource& source, const Elf64_Ehdr& header);

  bool ReadSections(std::string* error);
  bool ReadSegments(std::string* error);
  void ReadDynamic(const Elf64_Phdr& segment);
  bool ReadSymbols(std::string* error);
  [[nodiscard]] std::string_view SectionName(const Elf64_Shdr& section) const;
  std::optional<std::string> ReadSection(const Elf64_Shdr& section);

  ByteSource source_;
  Elf64_Ehdr header_;
  std::vector<Elf64_Shdr> sections_;
  // On the heap: Symbol::name points into it, also after a move.
  std::unique_ptr<std::string> strings_;
  std::string section_names_;
  std::string comment_;
  std::vector<Symbol> symbols_;
  uint32_t symbol_table_ = 0;
  // Sections that overlap would let a small file cause endless work.
  uint64_t budget_;
  bool has_interpreter_ = false;
  bool needs_libraries_ = false;
  bool marked_pie_ = false;
  bool has_symbol_table_ = false;
};

}  // namespace hakmem::check

#endif  // HAKMEM_TOOLCHAINS_CHECK_ELF_FILE_H_
