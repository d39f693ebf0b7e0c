#include "millrace/detail/kafka/messages.hpp"

#include "millrace/error.hpp"

namespace millrace::detail::kafka {

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

void staged_messages::clear() {
  text_.clear();
  entries_.clear();
  headers_.clear();
}

}  // namespace millrace::detail::kafka
