// Values as Python's pickle has them.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace::python {

/// Opcodes of pickle's protocol 4, as `pickletools` names them. The machine is little-endian, as
/// pickles are.
class pickle_writer {
 public:
  void begin_list() { bytes_ = "\x80\x04]("; }  // PROTO 4, EMPTY_LIST, MARK
  /// The list so far; another begins with `begin_list`.
  std::string_view end_list() { return bytes_ += "e."; }  // APPENDS, STOP
  std::size_t size() const { return bytes_.size(); }

  void text(std::string_view utf8) { sized(utf8, '\x8c', 'X', '\x8d'); }
  void bytes(std::string_view what) { sized(what, 'C', 'B', '\x8e'); }
  void none() { bytes_ += 'N'; }
  void boolean(bool value) { bytes_ += value ? '\x88' : '\x89'; }
  void number(std::int64_t value) {
    if (value >= 0 && value <= UINT8_MAX) {
      put('K', static_cast<std::uint8_t>(value));
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
      put('J', static_cast<std::int32_t>(value));
    } else {
      put('\x8a', static_cast<std::uint8_t>(sizeof value));
      bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
  }
  void real(double value) {
    put('G', __builtin_bswap64(std::bit_cast<std::uint64_t>(value)));  // the highest byte first
  }
  void pair() { bytes_ += '\x86'; }  // of the last two
  void mark() { bytes_ += '('; }
  void tuple() { bytes_ += 't'; }  // of all since the mark
  void list() { bytes_ += 'l'; }   // the same
  /// A class, as number 0 of what `object` makes objects of. Before the first row.
  void named_class(std::string_view module, std::string_view name) {
    bytes_ = "\x80\x04";
    text(module);
    text(name);
    bytes_ += "\x93q";  // STACK_GLOBAL, BINPUT
    bytes_ += '\0';
    bytes_ += "0](";  // POP, EMPTY_LIST, MARK
  }
  void begin_object() {
    bytes_ += 'h';  // BINGET
    bytes_ += '\0';
  }
  void end_object() { bytes_ += '\x81'; }  // NEWOBJ, of the class and a tuple

 private:
  template <class T>
  void put(char code, T value) {
    char bytes[1 + sizeof(T)] = {code};
    std::memcpy(bytes + 1, &value, sizeof(T));
    bytes_.append(bytes, sizeof bytes);
  }
  void sized(std::string_view what, char code1, char code4, char code8) {
    if (what.size() <= UINT8_MAX) put(code1, static_cast<std::uint8_t>(what.size()));
    else if (what.size() <= UINT32_MAX) put(code4, static_cast<std::uint32_t>(what.size()));
    else put(code8, static_cast<std::uint64_t>(what.size()));
    bytes_ += what;
  }

  std::string bytes_;
};

}  // namespace millrace::python
