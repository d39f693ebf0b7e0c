// A window without an inverse: partial results of each key's slides, in a tree.
#include <algorithm>
#include <utility>

#include "streaming/windows/reduced_window.hpp"
#include "streaming/windows/slide_tree.hpp"
#include "streaming/windows/unit_memory.hpp"

namespace millrace::detail {
namespace {

struct tree_memory final : unit_memory {
  tree_memory(window_units window, const slide_fold& how)
      : unit_memory(window), fold(how), length(window.length) {}

  slide_fold fold;
  std::int64_t length;
  std::vector<slide_tree> trees;  // by id

  bool needs(std::uint32_t id) const override { return id < trees.size() && !trees[id].empty(); }
  void renumber(const std::vector<std::uint32_t>& ids) override {
    std::uint32_t most = 0;
    for (std::uint32_t id = 0; id < trees.size(); ++id)
      if (!trees[id].empty()) most = std::max(most, ids[id] + 1);
    std::vector<slide_tree> kept(most);
    unit_memory::renumber(ids);
    for (std::uint32_t id = 0; id < trees.size(); ++id)
      if (!trees[id].empty()) kept[ids[id]] = std::move(trees[id]);
    trees = std::move(kept);
    touched_in = {};
  }
  void restore(keyed_table& table, std::int64_t number, unit_list from) override {
    unit_memory::restore(table, number, std::move(from));
    trees.clear();
    trees.resize(table.ids());
    for (const auto& unit : in_window())
      for (std::size_t i = 0; i < unit->keys.size(); ++i)
        trees[unit->keys[i]].enter(fold, position(unit->number), unit->values->row(i));
  }

  std::uint32_t position(std::int64_t unit) const {
    return static_cast<std::uint32_t>(unit % length);
  }

  // Of one attempt only.
  std::vector<std::uint32_t> changed;     // ids
  std::vector<std::uint32_t> touched_in;  // by id: 0 not changed, 1 only left, 2 + n the n-th unit
};

class tree_window final : public state_operation {
 public:
  tree_window(std::string_view name, const row_type& pairs, window_functions f, window_units units)
      : state_operation(name, *pairs.field(0).type, *pairs.field(1).type),
        f_(std::move(f)),
        units_(units) {}

  std::unique_ptr<state_memory> make_memory() const override {
    return std::make_unique<tree_memory>(units_, fold());
  }

  void compute(state_work& work) const override {
    auto& memory = static_cast<tree_memory&>(*work.memory);
    if (memory.trees.size() < work.table.ids())
      memory.trees.resize(std::max<std::size_t>(work.table.ids(), memory.trees.size() * 2));
    memory.touched_in.resize(memory.trees.size());
    struct clearing {
      tree_memory& memory;
      ~clearing() {
        for (const std::uint32_t id : memory.changed) memory.touched_in[id] = 0;
        memory.changed.clear();
      }
    } const when_done{memory};

    const slide_fold fold = this->fold();
    const std::int64_t first = units_.first_of(work.number);
    const std::int64_t last = work.number * units_.slide;
    const auto touch = [&](std::uint32_t id, std::int64_t unit, const void* v, std::uint32_t in) {
      if (memory.touched_in[id] == 0) memory.changed.push_back(id);
      memory.touched_in[id] = in;
      memory.trees[id].enter(fold, memory.position(unit), v);
    };
    // What leaves and nothing takes its place: a window that slides by more than its length.
    for (const auto& unit : memory.in_window())
      if (unit->number + units_.length < first)
        for (const std::uint32_t id : unit->keys) touch(id, unit->number, nullptr, 1);
    for (std::int64_t n = first; n <= last; ++n) {
      const keyed_rows& entering = work.inputs[static_cast<std::size_t>(n - first)];
      const std::uint32_t in = static_cast<std::uint32_t>(n - first) + 2;
      const char* v = static_cast<const char*>(entering.values.data());
      for (std::size_t i = 0; i < entering.keys.size(); ++i)
        touch(entering.keys[i], n, v + i * value().size, in);
      for (const auto& unit : memory.in_window()) {
        if (unit->number != n - units_.length) continue;
        for (const std::uint32_t id : unit->keys)
          if (memory.touched_in[id] != in) touch(id, n, nullptr, in);
      }
    }

    const std::uint32_t in_last = static_cast<std::uint32_t>(last - first) + 2;
    for (const std::uint32_t id : memory.changed) {
      const slide_tree& tree = memory.trees[id];
      if (tree.empty() && !work.table.has(id)) continue;
      if (!tree.empty()) {
        tree.result(fold, memory.position(last), memory.touched_in[id] == in_last,
                    work.changes.values.place());
        work.changes.values.added();
      }
      work.changes.ids.push_back(id);
      work.changes.alive.push_back(tree.empty() ? 0 : 1);
    }
    memory.stage(work, false);
  }

  void committed(state_work& work) const noexcept override {
    static_cast<tree_memory&>(*work.memory).enter(work.number);
  }

  std::string shape(std::chrono::milliseconds slide) const override {
    return units_.in_words(slide);
  }
  std::int64_t units_a_batch() const override { return units_.slide; }

 private:
  slide_fold fold() const { return {&value(), f_.function.get(), f_.combine}; }

  window_functions f_;
  window_units units_;
};

}  // namespace

std::shared_ptr<const state_operation> window_by_tree(std::string_view name, const row_type& pairs,
                                                      window_functions f, window_units units) {
  return std::make_shared<tree_window>(name, pairs, std::move(f), units);
}

}  // namespace millrace::detail
