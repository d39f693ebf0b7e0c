#include <algorithm>
#include <cstring>
#include <utility>

#include "dataset/table.hpp"
#include "streaming/state/key_cells.hpp"

namespace millrace::detail {

key_cells::~key_cells() = default;

namespace {

class memory_cells final : public key_cells {
 public:
  memory_cells(const row_type& key, const row_type& value, const alive_flags& alive)
      : value_(value), alive_(alive), keys_(entry_layout(&key, nullptr)) {}
  ~memory_cells() override {
    if (value_.trivial) return;
    for (std::uint32_t id = 0; id < alive_.size(); ++id)
      if (alive_[id] != 0) value_.destroy(slot(id), 1);
  }

  std::uint32_t size() const override { return keys_.size(); }

  void find(std::uint32_t key_in_row, const char* rows, std::uint32_t stride, std::uint32_t n,
            std::uint32_t* ids) override {
    void* slots[chunk_capacity];
    keys_.find(keys_.layout().source(key_in_row), rows, stride, n, slots);
    const char* const first = keys_.entries() + keys_.layout().value_at();
    const std::uint32_t size = keys_.layout().stride();
    for (std::uint32_t i = 0; i < n; ++i) {
      const auto at = reinterpret_cast<std::uintptr_t>(slots[i]) & ~fresh_slot;
      ids[i] = static_cast<std::uint32_t>((at - reinterpret_cast<std::uintptr_t>(first)) / size);
    }
    if (keys_.size() > capacity_) grow();
  }

  void make_keys(const std::uint32_t* ids, std::uint32_t n, char* to, std::uint32_t stride,
                 arena&) const override {
    const entry_layout& layout = keys_.layout();
    std::uint32_t i = 0;
    try {
      for (; i < n; ++i)
        layout.make_key(keys_.entries() + std::size_t{ids[i]} * layout.stride(),
                        to + std::size_t{i} * stride);
    } catch (...) {
      while (i-- > 0) destroy_rows(*layout.key(), to + std::size_t{i} * stride, 1);
      throw;
    }
  }

  void read(const std::uint32_t* ids, std::uint32_t n, const void** to,
            row_buffer&) const override {
    for (std::uint32_t i = 0; i < n; ++i) to[i] = alive_[ids[i]] != 0 ? slot(ids[i]) : nullptr;
  }

  void put(staged_changes& changes, replaced_values* replaced) override {
    char* from = static_cast<char*>(changes.values.data());
    for (std::size_t i = 0; i < changes.ids.size(); ++i) {
      const std::uint32_t id = changes.ids[i];
      if (alive_[id] != 0) {
        if (replaced != nullptr) {
          void* const kept = replaced->values.place();
          move_rows(value_, kept, slot(id), 1);
          replaced->values.added();
          replaced->before[i] = kept;
        }
        destroy_rows(value_, slot(id), 1);
      }
      if (changes.alive[i] == 0) continue;
      move_rows(value_, slot(id), from, 1);
      from += value_.size;
    }
  }

 private:
  void* slot(std::uint32_t id) const {
    return static_cast<char*>(values_.get()) + std::size_t{id} * value_.size;
  }

  void grow() {
    const std::size_t capacity = std::max<std::size_t>({keys_.size(), capacity_ * 2, 16});
    aligned_memory bigger = allocate_aligned(capacity * value_.size);
    if (value_.trivial) {
      if (capacity_ != 0) std::memcpy(bigger.get(), values_.get(), capacity_ * value_.size);
    } else {
      for (std::uint32_t id = 0; id < alive_.size(); ++id) {
        if (alive_[id] == 0) continue;
        value_.move(static_cast<char*>(bigger.get()) + std::size_t{id} * value_.size, slot(id), 1);
        value_.destroy(slot(id), 1);
      }
    }
    values_ = std::move(bigger);
    capacity_ = capacity;
  }

  const row_type& value_;
  const alive_flags& alive_;
  aggregation_table keys_;
  aligned_memory values_;
  std::size_t capacity_ = 0;
};

}  // namespace

std::unique_ptr<key_cells> cells_in_memory(const row_type& key, const row_type& value,
                                           const alive_flags& alive) {
  return std::make_unique<memory_cells>(key, value, alive);
}

}  // namespace millrace::detail
