#include "toolchains/check/elf_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace hakmem::check {
namespace {

// More than any program for a device has; keeps the memory of a run bounded.
constexpr uint64_t kMaxSection = 256u << 20;
constexpr uint64_t kMaxSections = 1u << 20;
constexpr uint64_t kMaxSymbols = 4u << 20;
constexpr size_t kMaxName = 256;

std::string_view NameAt(const std::string& strings, uint64_t offset) {
  if (offset >= strings.size()) return {};
  const size_t room =
      std::min<size_t>(strings.size() - static_cast<size_t>(offset), kMaxName);
  const char* begin = strings.data() + offset;
  const void* end = std::memchr(begin, '\0', room);
  if (end == nullptr) return {begin, room};
  return {begin, static_cast<size_t>(static_cast<const char*>(end) - begin)};
}

template <typename T>
std::vector<T> Split(const std::string& bytes) {
  std::vector<T> out(bytes.size() / sizeof(T));
  if (!out.empty())
    std::memcpy(out.data(), bytes.data(), out.size() * sizeof(T));
  return out;
}

bool AcceptHeader(const Elf64_Ehdr& header, std::string* error) {
  if (header.e_ident[EI_CLASS] == ELFCLASS32) {
    *error = "it is a 32-bit file; hakmem serves 64-bit programs.";
    return false;
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB) {
    *error = "it is not a 64-bit little-endian ELF file.";
    return false;
  }
  if (header.e_machine != EM_X86_64 && header.e_machine != EM_AARCH64) {
    *error = "it is for another CPU than x86-64 and aarch64.";
    return false;
  }
  if (header.e_shnum != 0 && header.e_shentsize != sizeof(Elf64_Shdr)) {
    *error = "its section headers have an impossible size.";
    return false;
  }
  if (header.e_phnum != 0 && header.e_phentsize != sizeof(Elf64_Phdr)) {
    *error = "its program headers have an impossible size.";
    return false;
  }
  return true;
}

}  // namespace

ElfFile::ElfFile(const ByteSource& source, const Elf64_Ehdr& header)
    : source_(source),
      header_(header),
      strings_(std::make_unique<std::string>()),
      budget_(2 * source.size()) {}

std::optional<ElfFile> ElfFile::Parse(const ByteSource& source,
                                      std::string* error) {
  const auto magic = source.Read(0, SELFMAG);
  if (!magic.has_value() || magic->compare(0, SELFMAG, ELFMAG) != 0) {
    *error = "it is not an ELF file.";
    return std::nullopt;
  }
  // A 32-bit file may be shorter than a 64-bit header.
  const auto ident = source.Read(0, EI_NIDENT);
  const auto header = source.ReadAs<Elf64_Ehdr>(0);
  if (!header.has_value() && ident.has_value() &&
      (*ident)[EI_CLASS] == ELFCLASS32) {
    *error = "it is a 32-bit file; hakmem serves 64-bit programs.";
    return std::nullopt;
  }
  if (!header.has_value()) {
    *error = "it is truncated: the ELF header is not complete.";
    return std::nullopt;
  }
  if (!AcceptHeader(*header, error)) return std::nullopt;
  ElfFile file(source, *header);
  if (!file.ReadSegments(error) || !file.ReadSections(error) ||
      !file.ReadSymbols(error)) {
    return std::nullopt;
  }
  return file;
}

bool ElfFile::ReadSegments(std::string* error) {
  const auto bytes =
      source_.Read(header_.e_phoff, header_.e_phnum * sizeof(Elf64_Phdr));
  if (!bytes.has_value()) {
    *error = "it is truncated: the program headers lie past its end.";
    return false;
  }
  for (const Elf64_Phdr& segment : Split<Elf64_Phdr>(*bytes)) {
    if (segment.p_type == PT_INTERP) has_interpreter_ = true;
    if (segment.p_type == PT_DYNAMIC) ReadDynamic(segment);
  }
  return true;
}

void ElfFile::ReadDynamic(const Elf64_Phdr& segment) {
  if (segment.p_filesz > kMaxSection || segment.p_filesz > budget_) return;
  budget_ -= segment.p_filesz;
  const auto bytes = source_.Read(segment.p_offset, segment.p_filesz);
  if (!bytes.has_value()) return;
  for (const Elf64_Dyn& entry : Split<Elf64_Dyn>(*bytes)) {
    if (entry.d_tag == DT_NULL) return;
    if (entry.d_tag == DT_NEEDED) needs_libraries_ = true;
    if (entry.d_tag == DT_FLAGS_1 && (entry.d_un.d_val & DF_1_PIE) != 0) {
      marked_pie_ = true;
    }
  }
}

bool ElfFile::ReadSections(std::string* error) {
  if (header_.e_shoff == 0) return true;
  uint64_t count = header_.e_shnum;
  uint32_t names = header_.e_shstrndx;
  // Counts that do not fit the header are in the first section's header.
  const auto first = source_.ReadAs<Elf64_Shdr>(header_.e_shoff);
  if (first.has_value() && count == 0) count = first->sh_size;
  if (first.has_value() && names == SHN_XINDEX) names = first->sh_link;
  std::optional<std::string> bytes;
  if (count <= kMaxSections) {
    bytes = source_.Read(header_.e_shoff, count * sizeof(Elf64_Shdr));
  }
  if (!bytes.has_value()) {
    *error = "it is truncated: the section headers lie past its end.";
    return false;
  }
  sections_ = Split<Elf64_Shdr>(*bytes);
  if (names < sections_.size()) {
    section_names_ = ReadSection(sections_[names]).value_or("");
  }
  for (const Elf64_Shdr& section : sections_) {
    if (SectionName(section) == ".comment" && section.sh_size < (1u << 16)) {
      comment_ = ReadSection(section).value_or("");
    }
  }
  return true;
}

bool ElfFile::ReadSymbols(std::string* error) {
  for (uint32_t i = 0; i < sections_.size(); ++i) {
    if (sections_[i].sh_type != SHT_SYMTAB) continue;
    if (has_symbol_table_) {
      *error = "it has more than one symbol table.";
      return false;
    }
    has_symbol_table_ = true;
    symbol_table_ = i;
  }
  if (!has_symbol_table_) return true;
  const Elf64_Shdr& table = sections_[symbol_table_];
  if (table.sh_size > kMaxSymbols * sizeof(Elf64_Sym)) {
    *error = "it has more symbols than a program for a device ever had.";
    return false;
  }
  std::optional<std::string> entries;
  std::optional<std::string> strings;
  if (table.sh_link < sections_.size()) {
    entries = ReadSection(table);
    strings = ReadSection(sections_[table.sh_link]);
  }
  if (!entries.has_value() || !strings.has_value()) {
    *error = "its symbol table is damaged, truncated or too large to read.";
    return false;
  }
  *strings_ = std::move(*strings);
  const size_t count = entries->size() / sizeof(Elf64_Sym);
  symbols_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    Elf64_Sym raw;
    std::memcpy(&raw, entries->data() + i * sizeof(raw), sizeof(raw));
    symbols_.push_back({NameAt(*strings_, raw.st_name), raw.st_value,
                        raw.st_size, raw.st_shndx,
                        static_cast<uint8_t>(ELF64_ST_TYPE(raw.st_info)),
                        static_cast<uint8_t>(ELF64_ST_BIND(raw.st_info))});
  }
  return true;
}

std::string_view ElfFile::SectionName(const Elf64_Shdr& section) const {
  return NameAt(section_names_, section.sh_name);
}

bool ElfFile::HasSection(std::string_view name) const {
  return std::any_of(
      sections_.begin(), sections_.end(),
      [&](const Elf64_Shdr& s) { return SectionName(s) == name; });
}

std::optional<std::string> ElfFile::ReadSection(const Elf64_Shdr& section) {
  if (section.sh_type == SHT_NOBITS) return std::string();
  if (section.sh_size > kMaxSection || section.sh_size > budget_) {
    return std::nullopt;
  }
  budget_ -= section.sh_size;
  return source_.Read(section.sh_offset, section.sh_size);
}

std::optional<std::vector<Relocation>> ElfFile::Relocations() {
  std::vector<Relocation> out;
  for (const Elf64_Shdr& section : sections_) {
    if (section.sh_type != SHT_RELA || section.sh_link != symbol_table_ ||
        !has_symbol_table_) {
      continue;
    }
    // References from debug information and notes run nowhere.
    if (section.sh_info >= sections_.size() ||
        (sections_[section.sh_info].sh_flags & SHF_ALLOC) == 0) {
      continue;
    }
    const auto bytes = ReadSection(section);
    if (!bytes.has_value()) return std::nullopt;
    for (size_t at = 0; at + sizeof(Elf64_Rela) <= bytes->size();
         at += sizeof(Elf64_Rela)) {
      Elf64_Rela raw;
      std::memcpy(&raw, bytes->data() + at, sizeof(raw));
      const auto symbol = static_cast<uint32_t>(ELF64_R_SYM(raw.r_info));
      // Symbol 0: the few that every static program needs at its start.
      if (symbol != 0 && symbol < symbols_.size()) {
        out.push_back({raw.r_offset, symbol});
      }
    }
  }
  return out;
}

std::optional<std::vector<Code>> ElfFile::CodeSections() {
  std::vector<Code> out;
  for (const Elf64_Shdr& section : sections_) {
    if ((section.sh_flags & SHF_EXECINSTR) == 0) continue;
    auto bytes = ReadSection(section);
    if (!bytes.has_value()) return std::nullopt;
    out.push_back({section.sh_addr, std::move(*bytes)});
  }
  return out;
}

std::string ElfFile::FindText(std::string_view prefix) {
  for (const Elf64_Shdr& section : sections_) {
    if (SectionName(section).substr(0, 7) != ".rodata") continue;
    const auto bytes = ReadSection(section);
    if (!bytes.has_value()) return "";
    size_t at = bytes->find(prefix);
    if (at == std::string::npos) continue;
    at += prefix.size();
    const size_t end = bytes->find_first_of(std::string_view("\n\0", 2), at);
    return bytes->substr(at, std::min(end - at, kMaxName));
  }
  return "";
}

}  // namespace hakmem::check
