// text_file, and text that was received: lines as views into blocks.
#include <algorithm>
#include <utility>

#include "dataset/operations/file_splits.hpp"
#include "dataset/operations/text_cutter.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "millrace/detail/storage/text_blocks.hpp"
#include "millrace/error.hpp"
#include "storage/compression.hpp"

namespace millrace::detail {

namespace {

class text_node : public node {
 public:
  text_node(context_ptr context, std::string_view operation, std::size_t partitions)
      : node({std::move(context),
              &row_type_of<std::string_view>(),
              operation,
              static_cast<int>(partitions),
              {},
              {},
              nullptr}) {}
  std::unique_ptr<cursor> open(int partition, task_context& task) const final {
    return cut_blocks(open_blocks(partition, task), {});
  }
};

class file_blocks final : public block_cursor {
 public:
  file_blocks(const file_split& s, std::size_t line_limit)
      : reader_(decompressed(file_system_for(s.path).open_read(s.path), compression_of(s.path)),
                s.begin, s.end, {.line_limit = line_limit}) {}
  bool next(std::string_view& block) override { return reader_.next(block); }

 private:
  text_block_reader reader_;
};

class text_file_node final : public text_node {
 public:
  text_file_node(context_ptr context, std::vector<file_split> splits)
      : text_node(std::move(context), "text_file", splits.size()),
        splits_(std::move(splits)),
        line_limit_(this->context()->conf().size("files.maxLineBytes")) {}
  std::unique_ptr<block_cursor> open_blocks(int partition, task_context&) const override {
    return std::make_unique<file_blocks>(splits_[static_cast<std::size_t>(partition)], line_limit_);
  }

 private:
  std::vector<file_split> splits_;
  std::size_t line_limit_;
};

class memory_blocks final : public block_cursor {
 public:
  explicit memory_blocks(std::string_view text) : text_(text) {}
  bool next(std::string_view& block) override {
    block = std::exchange(text_, {});
    return !block.empty();
  }

 private:
  std::string_view text_;
};

class text_blocks_node final : public text_node {
 public:
  text_blocks_node(context_ptr context, std::vector<text_block> blocks)
      : text_node(std::move(context), "received_text", blocks.size()), blocks_(std::move(blocks)) {}
  std::unique_ptr<block_cursor> open_blocks(int partition, task_context&) const override {
    return std::make_unique<memory_blocks>(blocks_[static_cast<std::size_t>(partition)].text);
  }

 private:
  std::vector<text_block> blocks_;
};

}  // namespace

node_ptr from_text_file(context_ptr context, const std::string& path, int min_partitions) {
  if (min_partitions < 1)
    throw usage_error("text_file: the number of partitions must be positive: " +
                      std::to_string(min_partitions));
  const auto files = file_system_for(path).list(path);
  std::uint64_t total = 0;
  for (const auto& f : files) total += f.size;
  // Hadoop's rule: parts of total / min_partitions bytes, at most a block.
  const std::uint64_t largest = context->conf().size("local.block.size");
  const std::uint64_t goal = std::max<std::uint64_t>(
      std::min(total / static_cast<std::uint64_t>(min_partitions), largest), 1);
  std::vector<file_split> splits;
  for (const auto& f : files) {
    // What is compressed can be read from its beginning only.
    if (compression_of(f.path) != compression::none)
      splits.push_back({f.path, 0, text_block_reader::whole_file});
    else split_file(f, goal, splits);
  }
  return std::make_shared<text_file_node>(std::move(context), std::move(splits));
}

node_ptr from_text_blocks(context_ptr context, std::vector<text_block> blocks) {
  return std::make_shared<text_blocks_node>(std::move(context), std::move(blocks));
}

}  // namespace millrace::detail
