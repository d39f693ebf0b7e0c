// A window with an inverse: what leaves is taken out of the last result, what enters added to it.
#include <algorithm>
#include <utility>

#include "streaming/windows/reduced_window.hpp"
#include "streaming/windows/unit_memory.hpp"

namespace millrace::detail {
namespace {

struct inverse_memory final : unit_memory {
  using unit_memory::unit_memory;

  // Of keys that a filter took out the window may still have slides; an id used later for another
  // key would be wrong.
  bool needs(std::uint32_t id) const override {
    if (!known) {
      known = true;
      for (const auto& unit : in_window())
        for (const std::uint32_t one : unit->keys) {
          if (used.size() <= one) used.resize(std::size_t{one} + 1);
          used[one] = 1;
        }
    }
    return id < used.size() && used[id] != 0;
  }
  void renumber(const std::vector<std::uint32_t>& ids) override {
    unit_memory::renumber(ids);
    place = {};
    known = false;
    used = {};
  }

  mutable std::vector<std::uint8_t> used;  // by id, of the batch that asked last
  mutable bool known = false;
  std::vector<std::uint32_t> place;  // by id, of one attempt only: 1 + where it is; else 0
};

class inverse_window final : public state_operation {
 public:
  inverse_window(std::string_view name, const row_type& pairs, window_functions f,
                 window_units units)
      : state_operation(name, *pairs.field(0).type, *pairs.field(1).type),
        pairs_(pairs),
        f_(std::move(f)),
        units_(units) {}

  std::unique_ptr<state_memory> make_memory() const override {
    return std::make_unique<inverse_memory>(units_);
  }

  void compute(state_work& work) const override {
    auto& memory = static_cast<inverse_memory&>(*work.memory);
    memory.place.resize(std::max<std::size_t>(memory.place.size(), work.table.ids()));
    std::vector<std::uint32_t>& ids = work.changes.ids;
    struct clearing {
      std::vector<std::uint32_t>& place;
      const std::vector<std::uint32_t>& ids;
      ~clearing() {
        for (const std::uint32_t id : ids) place[id] = 0;
      }
    } const when_done{memory.place, ids};

    row_buffer sums(value());  // of keys that are in several units that leave, or enter, at once
    sums.reserve(rows_that_meet(work, memory));
    std::vector<const void*> leaving;
    std::vector<const void*> entering;
    const auto add = [&](std::vector<const void*>& side, const std::vector<std::uint32_t>& keys,
                         const row_buffer& values) {
      for (std::size_t i = 0; i < keys.size(); ++i) {
        std::uint32_t& place = memory.place[keys[i]];
        if (place == 0) {
          ids.push_back(keys[i]);
          place = static_cast<std::uint32_t>(ids.size());
          leaving.push_back(nullptr);
          entering.push_back(nullptr);
        }
        const void*& slot = side[place - 1];
        if (slot == nullptr) {
          slot = values.row(i);
        } else {
          void* const sum = sums.place();
          f_.combine(f_.function.get(), slot, values.row(i), sum);
          sums.added();
          slot = sum;
        }
      }
    };
    const std::int64_t until = memory.leaving_with(work.number);
    for (const auto& unit : memory.in_window())
      if (unit->number <= until) add(leaving, unit->keys, *unit->values);
    for (const keyed_rows& input : work.inputs) add(entering, input.keys, input.values);

    std::vector<const void*> before(ids.size());
    row_buffer kept(value());
    work.table.read(ids.data(), static_cast<std::uint32_t>(ids.size()), before.data(), kept);
    row_buffer& out = work.changes.values;
    out.reserve(ids.size());
    f_.move(f_.function.get(), {&work.task, before.data(), leaving.data(), entering.data(),
                                static_cast<std::uint32_t>(ids.size()), &out});
    work.changes.alive.assign(ids.size(), 1);
    if (f_.filter != nullptr) filter(work);
    memory.stage(work, true);
  }

  void committed(state_work& work) const noexcept override {
    auto& memory = static_cast<inverse_memory&>(*work.memory);
    memory.enter(work.number);
    memory.known = false;
    memory.used.clear();
  }

  std::string shape(std::chrono::milliseconds slide) const override {
    return units_.in_words(slide);
  }
  std::int64_t units_a_batch() const override { return units_.slide; }

 private:
  /// At most so many sums are made: none where one unit enters and one leaves.
  std::size_t rows_that_meet(const state_work& work, const inverse_memory& memory) const {
    if (units_.slide == 1) return 0;
    std::size_t n = 0;
    for (const auto& unit : memory.in_window())
      if (unit->number <= memory.leaving_with(work.number)) n += unit->keys.size();
    for (const keyed_rows& input : work.inputs) n += input.keys.size();
    return n;
  }

  /// Keys whose value the filter refuses go.
  void filter(state_work& work) const {
    staged_changes& changes = work.changes;
    row_buffer kept(value());
    row_buffer rows(pairs_);
    std::vector<std::uint8_t> keep(chunk_rows);
    for (std::size_t i = 0; i < changes.ids.size(); i += chunk_rows) {
      const std::size_t n = std::min<std::size_t>(chunk_rows, changes.ids.size() - i);
      rows.clear();
      rows.reserve(n);
      arena texts;
      make_rows(work, i, static_cast<std::uint32_t>(n), rows, texts);
      f_.filter(f_.function.get(), rows.data(), static_cast<std::uint32_t>(n), keep.data());
      for (std::size_t j = 0; j < n; ++j) {
        changes.alive[i + j] = keep[j];
        if (keep[j] != 0) kept.append({changes.values.row(i + j), 1, true});
      }
    }
    changes.values = std::move(kept);
  }

  /// The pairs of n changes.
  void make_rows(const state_work& work, std::size_t first, std::uint32_t n, row_buffer& rows,
                 arena& texts) const {
    const row_field& k = pairs_.field(0);
    char* row = static_cast<char*>(rows.extend(n));
    work.table.make_keys(&work.changes.ids[first], n, row + k.offset, pairs_.size, texts);
    std::uint32_t i = 0;
    try {
      for (; i < n; ++i, row += pairs_.size) {
        copy_rows(value(), row + pairs_.field(1).offset, work.changes.values.row(first + i), 1);
        rows.added();
      }
    } catch (...) {
      for (; i < n; ++i, row += pairs_.size) destroy_rows(*k.type, row + k.offset, 1);
      throw;
    }
  }

  const row_type& pairs_;
  window_functions f_;
  window_units units_;
};

}  // namespace

std::shared_ptr<const state_operation> window_by_inverse(std::string_view name,
                                                         const row_type& pairs, window_functions f,
                                                         window_units units) {
  return std::make_shared<inverse_window>(name, pairs, std::move(f), units);
}

}  // namespace millrace::detail
