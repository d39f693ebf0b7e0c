#include "pickled.hpp"

#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "known_steps.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "python_node.hpp"

namespace millrace::python {

namespace {

constexpr std::size_t frame_bytes = 256 << 10;

// Opcodes of Python's pickle protocol 4, as `pickletools` names them.
constexpr std::string_view proto_4 = "\x80\x04";
constexpr std::string_view empty_list_mark = "](";
constexpr std::string_view appends_stop = "e.";
constexpr char short_binunicode = '\x8c';
constexpr char binunicode = 'X';
constexpr char binunicode8 = '\x8d';
constexpr char binint1 = 'K';
constexpr char binint = 'J';
constexpr char long1 = '\x8a';
constexpr char tuple2 = '\x86';

/// The machine is little-endian, as pickles are.
template <class T>
void put(std::string& to, char code, T value) {
  char bytes[1 + sizeof(T)] = {code};
  std::memcpy(bytes + 1, &value, sizeof(T));
  to.append(bytes, sizeof bytes);
}

void put_text(std::string& to, std::string_view text) {
  if (text.size() <= UINT8_MAX) put(to, short_binunicode, static_cast<std::uint8_t>(text.size()));
  else if (text.size() <= UINT32_MAX) put(to, binunicode, static_cast<std::uint32_t>(text.size()));
  else put(to, binunicode8, static_cast<std::uint64_t>(text.size()));
  to += text;
}

void put_number(std::string& to, std::int64_t number) {
  if (number >= 0 && number <= UINT8_MAX) {
    put(to, binint1, static_cast<std::uint8_t>(number));
  } else if (number >= INT32_MIN && number <= INT32_MAX) {
    put(to, binint, static_cast<std::int32_t>(number));
  } else {
    put(to, long1, static_cast<std::uint8_t>(sizeof number));
    to.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
}

class pickling_cursor final : public detail::cursor {
 public:
  pickling_cursor(std::unique_ptr<detail::cursor> from, const detail::row_type& rows)
      : from_(std::move(from)), pickle_(rows) {}

  detail::flow step(const detail::sink& to) override {
    auto answer = detail::flow::more;
    while (answer == detail::flow::more && (pickle_.empty() || pickle_.size() < frame_bytes))
      answer = from_->step({this, [](void* self, const detail::chunk& rows) {
                              static_cast<pickling_cursor*>(self)->pickle_.add(rows);
                              return detail::flow::more;
                            }});
    if (pickle_.empty()) return answer;
    frame row{0, pickle_.finish()};
    if (to({&row, 1, false}) == detail::flow::enough) return detail::flow::enough;
    return answer;
  }

 private:
  std::unique_ptr<detail::cursor> from_;
  pickle_of_rows pickle_;
};

class pickled_node final : public detail::node {
 public:
  using node::node;
  std::unique_ptr<detail::cursor> open(int partition, detail::task_context& task) const override {
    const detail::node& parent = *parents()[0];
    return std::make_unique<pickling_cursor>(task.open(parent, partition), parent.rows());
  }
};

}  // namespace

pickle_of_rows::pickle_of_rows(const detail::row_type& rows)
    : pairs_(rows.kind != detail::row_kind::text_view) {
  begin();
}

void pickle_of_rows::begin() {
  bytes_.assign(proto_4);
  bytes_ += empty_list_mark;
}

void pickle_of_rows::add(const detail::chunk& rows) {
  if (rows.count == 0) return;
  if (std::exchange(empty_, false)) begin();
  if (!pairs_) {
    const auto* text = static_cast<const std::string_view*>(rows.rows);
    for (std::uint32_t i = 0; i < rows.count; ++i) put_text(bytes_, text[i]);
    return;
  }
  const auto* pairs = static_cast<const counted*>(rows.rows);
  for (std::uint32_t i = 0; i < rows.count; ++i) {
    put_text(bytes_, pairs[i].first);
    put_number(bytes_, pairs[i].second);
    bytes_ += tuple2;
  }
}

std::string_view pickle_of_rows::finish() {
  bytes_ += appends_stop;
  empty_ = true;
  return bytes_;
}

detail::node_ptr pickled(const detail::node_ptr& dataset) {
  return std::make_shared<pickled_node>(detail::node::facts{dataset->context(),
                                                            &detail::row_type_of<frame>(),
                                                            "pickle",
                                                            dataset->partitions(),
                                                            {dataset},
                                                            {},
                                                            nullptr});
}

}  // namespace millrace::python
