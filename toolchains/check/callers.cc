#include "toolchains/check/callers.h"

#include <algorithm>
#include <cstring>

namespace hakmem::check {
namespace {

template <typename T>
T Load(const std::string& bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

constexpr size_t kX86BranchSize = 5;

// call, jmp or the tail of a conditional jump, each with a 32-bit distance. Any
// byte may look like one; that such a distance hits one of a few addresses by
// chance is a matter of one in a hundred programs, and costs a wrong name, or a
// checked program that is called open (-q tells).
bool X86Target(const Code& code, size_t at, uint64_t* target) {
  const auto opcode = static_cast<uint8_t>(code.bytes[at]);
  const bool conditional = (opcode & 0xf0) == 0x80 && at != 0 &&
                           static_cast<uint8_t>(code.bytes[at - 1]) == 0x0f;
  if (opcode != 0xe8 && opcode != 0xe9 && !conditional) return false;
  const auto distance = Load<int32_t>(code.bytes, at + 1);
  *target = code.address + at + kX86BranchSize +
            static_cast<uint64_t>(static_cast<int64_t>(distance));
  return true;
}

// b or bl: 26 bits, in instructions.
bool ArmTarget(const Code& code, size_t at, uint64_t* target) {
  const auto instruction = Load<uint32_t>(code.bytes, at);
  if ((instruction & 0x7c000000u) != 0x14000000u) return false;
  const auto distance =
      static_cast<int64_t>(static_cast<int32_t>(instruction << 6) >> 4);
  *target = code.address + at + static_cast<uint64_t>(distance);
  return true;
}

}  // namespace

Callers Callers::Find(ElfFile* file, const std::set<uint64_t>& targets,
                      AddressRange ignored) {
  Callers out;
  out.ignored_ = ignored;
  for (const Symbol& symbol : file->symbols()) {
    if (symbol.defined() && symbol.function())
      out.functions_.push_back(&symbol);
  }
  std::stable_sort(
      out.functions_.begin(), out.functions_.end(),
      [](const Symbol* a, const Symbol* b) { return a->value < b->value; });
  const auto relocations = file->Relocations();
  if (relocations.has_value() && !relocations->empty()) {
    out.relocations_ = relocations->size();
    out.FromRelocations(*file, targets, *relocations);
    return out;
  }
  if (targets.empty()) return out;
  const auto sections = file->CodeSections();
  if (!sections.has_value()) return out;
  for (const Code& code : *sections) out.FromCode(*file, targets, code);
  return out;
}

void Callers::FromRelocations(const ElfFile& file,
                              const std::set<uint64_t>& targets,
                              const std::vector<Relocation>& relocations) {
  for (const Relocation& relocation : relocations) {
    const Symbol& symbol = file.symbols()[relocation.symbol];
    if (!symbol.defined() || targets.count(symbol.value) == 0) continue;
    if (Ignored(relocation.address)) continue;
    names_[symbol.value].emplace(symbol.name);
    Add(symbol.value, relocation.address);
  }
}

void Callers::FromCode(const ElfFile& file, const std::set<uint64_t>& targets,
                       const Code& code) {
  const bool arm = file.machine() == EM_AARCH64;
  const size_t size = arm ? sizeof(uint32_t) : kX86BranchSize;
  const size_t step = arm ? sizeof(uint32_t) : 1;
  for (size_t at = 0; at + size <= code.bytes.size(); at += step) {
    uint64_t target = 0;
    const bool branch =
        arm ? ArmTarget(code, at, &target) : X86Target(code, at, &target);
    if (branch && targets.count(target) != 0) Add(target, code.address + at);
  }
}

bool Callers::Ignored(uint64_t address) const {
  return address >= ignored_.begin && address < ignored_.end;
}

void Callers::Add(uint64_t target, uint64_t from) {
  if (Ignored(from)) return;
  const std::string caller = FunctionAt(from);
  callers_[target].insert(caller.empty() ? "data or unnamed code" : caller);
}

std::string Callers::FunctionAt(uint64_t address) const {
  auto after = std::upper_bound(
      functions_.begin(), functions_.end(), address,
      [](uint64_t a, const Symbol* s) { return a < s->value; });
  if (after == functions_.begin()) return "";
  const Symbol& symbol = **--after;
  if (symbol.size != 0 && address - symbol.value >= symbol.size) return "";
  return std::string(symbol.name);
}

std::vector<std::string> Callers::Of(uint64_t target) const {
  const auto found = callers_.find(target);
  if (found == callers_.end()) return {};
  std::vector<std::string> names(found->second.begin(), found->second.end());
  // libc's own functions last: the program's are the ones to look at.
  std::stable_partition(names.begin(), names.end(),
                        [](const std::string& n) { return n[0] != '_'; });
  return names;
}

std::set<std::string> Callers::NamesOf(uint64_t target) const {
  const auto found = names_.find(target);
  return found == names_.end() ? std::set<std::string>() : found->second;
}

}  // namespace hakmem::check
