// What a dataset is made of, as Spark's toDebugString draws it.
#include <string>

#include "dataset/shuffle.hpp"
#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

namespace {

constexpr const char* level_names[] = {"",
                                       "disk",
                                       "disk_2",
                                       "memory",
                                       "memory_2",
                                       "memory_encoded",
                                       "memory_encoded_2",
                                       "memory_and_disk",
                                       "memory_and_disk_2",
                                       "memory_and_disk_encoded",
                                       "memory_and_disk_encoded_2"};

void describe(const node& of, std::string& out) {
  if (const auto name = of.name(); !name.empty()) out += name + ' ';
  out += of.operation();
  out += '[' + std::to_string(of.id()) + "] [" + level_names[static_cast<int>(of.kept())] + ']';
}

/// A bar under the middle of what was just written, to hang children on.
std::string bar_under(const std::string& partitions) {
  const std::size_t left = (partitions.size() - 1) / 2;
  return std::string(left, ' ') + '|' + std::string(partitions.size() - left, ' ');
}

void add_children(const node& of, const std::string& prefix, std::string& out);

void add_shuffled(const node& child, const std::string& prefix, bool last, std::string& out) {
  const std::string partitions = '(' + std::to_string(child.partitions()) + ')';
  // The bar that this hangs on ends here, or goes on for the children to come.
  std::string before = prefix;
  if (const auto end = before.find_last_not_of(' ');
      end != std::string::npos && before[end] == '|' && end + 1 < before.size())
    before.resize(end);
  out += '\n' + before + "+-" + partitions + ' ';
  describe(child, out);
  add_children(child, before + (last ? "  " : "| ") + bar_under(partitions), out);
}

void add_children(const node& of, const std::string& prefix, std::string& out) {
  const std::size_t narrow = of.parents().size();
  const std::size_t all = narrow + of.shuffles().size();
  for (std::size_t i = 0; i < all; ++i) {
    if (i < narrow) {
      out += '\n' + prefix;
      describe(*of.parents()[i], out);
      add_children(*of.parents()[i], prefix, out);
    } else {
      add_shuffled(*of.shuffles()[i - narrow]->parent(), prefix, i + 1 == all, out);
    }
  }
}

}  // namespace

std::string debug_string(const node& of) {
  const std::string partitions = '(' + std::to_string(of.partitions()) + ')';
  std::string out = partitions + ' ';
  describe(of, out);
  add_children(of, bar_under(partitions), out);
  return out;
}

}  // namespace millrace::detail
