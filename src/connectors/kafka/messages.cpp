#include "millrace/detail/kafka/messages.hpp"

#include <cstring>
#include <type_traits>

#include "millrace/error.hpp"

namespace millrace::detail::kafka {
namespace {

template <class T>
void append_all(std::string& to, const T& all) {
  static_assert(std::is_trivially_copyable_v<typename T::value_type>);
  const std::uint64_t count = all.size();
  to.append(reinterpret_cast<const char*>(&count), sizeof count);
  if (count != 0)
    to.append(reinterpret_cast<const char*>(all.data()), count * sizeof(typename T::value_type));
}

template <class T>
void take_all(std::string_view& from, T& all) {
  std::uint64_t count = 0;
  std::memcpy(&count, from.data(), sizeof count);
  from.remove_prefix(sizeof count);
  all.resize(count);
  if (count == 0) return;
  std::memcpy(all.data(), from.data(), count * sizeof(typename T::value_type));
  from.remove_prefix(count * sizeof(typename T::value_type));
}

}  // namespace

std::uint32_t staged_messages::append(std::optional<std::string_view> bytes) {
  if (!bytes) return null;
  if (bytes->size() > INT32_MAX)
    throw usage_error("kafka: a message has a part that is larger than 2 GiB, in bytes: " +
                      std::to_string(bytes->size()));
  text_.append(*bytes);
  return static_cast<std::uint32_t>(bytes->size());
}

void staged_messages::add(const outgoing& m) {
  const std::size_t at = text_.size();
  const std::uint32_t key = append(m.key);
  const std::uint32_t value = append(m.value);
  entries_.push_back({at, key, value, m.partition, 0, m.timestamp});
}

void staged_messages::add_header(std::string_view name, std::optional<std::string_view> value) {
  const std::uint32_t name_size = append(name) + 1;
  text_ += '\0';  // librdkafka takes names as C strings
  headers_.push_back({name_size, append(value)});
  ++entries_.back().headers;
}

std::string staged_messages::encode() const {
  std::string bytes;
  bytes.reserve(this->bytes() + headers_.size() * sizeof(header_sizes) + 64);
  append_all(bytes, entries_);
  append_all(bytes, headers_);
  append_all(bytes, text_);
  return bytes;
}

/// The bytes are this process's own, and whoever read them has checked that.
staged_messages staged_messages::decode(std::string_view bytes) {
  staged_messages all;
  take_all(bytes, all.entries_);
  take_all(bytes, all.headers_);
  take_all(bytes, all.text_);
  return all;
}

void staged_messages::clear() {
  text_.clear();
  entries_.clear();
  headers_.clear();
}

}  // namespace millrace::detail::kafka
