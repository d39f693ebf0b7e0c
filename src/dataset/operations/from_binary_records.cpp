// binary_records: views of so many bytes each, into the block that was read.
#include <algorithm>
#include <array>
#include <utility>

#include "dataset/operations/file_splits.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {

class records_cursor final : public cursor {
 public:
  records_cursor(const file_split& split, std::size_t length)
      : file_(file_system_for(split.path).open_read(split.path)),
        at_(split.begin),
        end_(split.end),
        length_(length),
        // About a chunk of small records; of large ones, one.
        capacity_(std::max<std::size_t>(std::min(most_bytes / length, std::size_t{chunk_rows}), 1)),
        buffer_(std::make_unique_for_overwrite<char[]>(capacity_ * length)) {}

  flow step(const sink& to) override {
    if (at_ == end_) return flow::enough;
    const auto n =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(capacity_, (end_ - at_) / length_));
    if (const std::size_t got = file_->read_at(at_, buffer_.get(), n * length_); got != n * length_)
      throw error("the file was cut short after its reading was planned; it ends at " +
                  std::to_string(at_ + got) + " and not at " + std::to_string(end_) +
                  " or later: \"" + file_->path() + "\"");
    for (std::uint32_t i = 0; i < n; ++i) rows_[i] = {buffer_.get() + i * length_, length_};
    at_ += n * length_;
    return to({rows_.data(), n, true});
  }

 private:
  static constexpr std::size_t most_bytes = std::size_t{256} << 10;

  std::unique_ptr<input_file> file_;
  std::uint64_t at_;
  std::uint64_t end_;
  std::size_t length_;
  std::size_t capacity_;  // records
  std::unique_ptr<char[]> buffer_;
  std::array<std::string_view, chunk_rows> rows_;
};

class records_node final : public node {
 public:
  records_node(context_ptr context, std::vector<file_split> splits, std::size_t length)
      : node({std::move(context),
              &row_type_of<std::string_view>(),
              "binary_records",
              static_cast<int>(splits.size()),
              {},
              {},
              nullptr}),
        splits_(std::move(splits)),
        length_(length) {}
  std::unique_ptr<cursor> open(int partition, task_context&) const override {
    return std::make_unique<records_cursor>(splits_[static_cast<std::size_t>(partition)], length_);
  }

 private:
  std::vector<file_split> splits_;
  std::size_t length_;
};

}  // namespace

node_ptr from_binary_records(context_ptr context, const std::string& path, std::int64_t length) {
  if (length < 1)
    throw usage_error("binary_records: the length of a record must be positive: " +
                      std::to_string(length));
  const auto bytes = static_cast<std::uint64_t>(length);
  const auto files = file_system_for(path).list(path);
  for (const auto& f : files)
    if (f.size % bytes != 0)
      throw usage_error("binary_records: the size of a file is no multiple of the record's " +
                        std::to_string(length) + " bytes: " + std::to_string(f.size) +
                        " bytes in \"" + f.path + "\"");
  const std::uint64_t largest = context->conf().size("local.block.size");
  const std::uint64_t goal = std::max(largest / bytes, std::uint64_t{1}) * bytes;
  return std::make_shared<records_node>(std::move(context), split_files(files, goal),
                                        static_cast<std::size_t>(bytes));
}

}  // namespace millrace::detail
