#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>

#include "dataset/table.hpp"
#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"
#include "streaming/state/key_cells.hpp"

namespace millrace::detail {
namespace {

// What the store's keys begin with, after the number of this tenant: ids and keys by the hash of
// the key (more than one where hashes collide), keys by id, values by id. Ids are in order of their
// bytes.
constexpr char ids_by_hash = 'h';
constexpr char keys_by_id = 'k';
constexpr char values_by_id = 'v';

constexpr std::size_t prefix_size = 5;

/// Keys of the store, side by side.
class store_keys {
 public:
  store_keys(std::uint32_t tenant, char kind) : kind_(kind) {
    for (int i = 0; i < 4; ++i) tenant_[i] = static_cast<char>(tenant >> (24 - 8 * i));
  }
  void add(std::uint32_t id) { add_number(id, 4); }
  void add(std::uint64_t hash) { add_number(hash, 8); }
  const std::vector<std::string_view>& views() {
    views_.clear();
    for (std::size_t at = 0; at < bytes_.size(); at += each_)
      views_.emplace_back(bytes_.data() + at, each_);
    return views_;
  }

 private:
  void add_number(std::uint64_t number, int size) {
    bytes_.append(tenant_, sizeof tenant_).push_back(kind_);
    for (int i = size - 1; i >= 0; --i) bytes_.push_back(static_cast<char>(number >> (8 * i)));
    each_ = prefix_size + static_cast<std::size_t>(size);
  }
  char tenant_[4];
  char kind_;
  std::size_t each_ = 1;
  std::string bytes_;
  std::vector<std::string_view> views_;
};

std::uint32_t id_of(std::string_view store_key) {
  std::uint32_t id = 0;
  for (const char c : store_key.substr(prefix_size)) id = id << 8 | static_cast<unsigned char>(c);
  return id;
}

class store_cells final : public key_cells {
 public:
  store_cells(std::shared_ptr<key_value_store> store, const row_type& key, const row_type& value,
              const alive_flags& alive)
      : store_(std::move(store)),
        tenant_(store_->next_tenant()),
        key_(key),
        value_(value),
        alive_(alive),
        lately_(entry_layout(&key, &row_type_of<std::uint32_t>())) {}

  ~store_cells() override {
    try {
      const auto begin_of = [](std::uint32_t tenant) {
        store_keys all(tenant, '\0');
        all.add(std::uint32_t{0});
        return std::string(all.views()[0].substr(0, 4));
      };
      if (size_ != 0) store_->forget(begin_of(tenant_), begin_of(tenant_ + 1));
    } catch (const std::exception& e) {  // its room is free when the store ends
      log_warn(e.what());
    }
  }

  std::uint32_t size() const override { return size_; }

  void find(std::uint32_t key_in_row, const char* rows, std::uint32_t stride, std::uint32_t n,
            std::uint32_t* ids) override {
    if (lately_.bytes_with(n) > most_lately) lately_.clear();
    void* slots[chunk_capacity];
    lately_.find(lately_.layout().source(key_in_row), rows, stride, n, slots);
    std::vector<const char*> unknown;
    std::vector<std::uint32_t*> places;
    for (std::uint32_t i = 0; i < n; ++i) {
      const auto slot = reinterpret_cast<std::uintptr_t>(slots[i]);
      slots[i] = reinterpret_cast<void*>(slot & ~fresh_slot);
      if ((slot & fresh_slot) == 0) continue;
      unknown.push_back(rows + std::size_t{i} * stride + key_in_row);
      places.push_back(static_cast<std::uint32_t*>(slots[i]));
    }
    try {
      if (!unknown.empty()) ask(unknown, places);
    } catch (...) {
      lately_.clear();  // some of it was not found
      throw;
    }
    for (std::uint32_t i = 0; i < n; ++i) ids[i] = *static_cast<const std::uint32_t*>(slots[i]);
  }

  void make_keys(const std::uint32_t* ids, std::uint32_t n, char* to, std::uint32_t stride,
                 arena& texts) const override {
    std::uint32_t made = 0;
    try {
      each(keys_by_id, ids, n, [&](std::size_t i, std::string_view bytes) {
        if (i != made) lost();
        byte_reader from(bytes);
        decode_row(key_, to + i * stride, from, texts);
        ++made;
      });
      if (made != n) lost();
    } catch (...) {
      while (made-- > 0) destroy_rows(key_, to + std::size_t{made} * stride, 1);
      throw;
    }
  }

  void read(const std::uint32_t* ids, std::uint32_t n, const void** to,
            row_buffer& kept) const override {
    kept.clear();
    kept.reserve(n);
    std::vector<std::uint32_t> wanted;
    std::vector<const void**> places;
    for (std::uint32_t i = 0; i < n; ++i) {
      to[i] = nullptr;
      if (alive_[ids[i]] == 0) continue;
      wanted.push_back(ids[i]);
      places.push_back(&to[i]);
    }
    each(values_by_id, wanted.data(), static_cast<std::uint32_t>(wanted.size()),
         [&](std::size_t i, std::string_view bytes) {
           byte_reader from(bytes);
           void* const row = kept.place();
           decode_row(value_, row, from, kept.texts());
           kept.added();
           *places[i] = row;
         });
    if (kept.size() != wanted.size()) lost();
  }

  void put(staged_changes& changes, replaced_values* replaced) override {
    if (replaced != nullptr) leave(changes, *replaced);
    try {
      key_value_changes all;
      store_keys keys(tenant_, values_by_id);
      for (const std::uint32_t id : changes.ids) keys.add(id);
      const auto& store_key = keys.views();
      byte_writer bytes;
      std::size_t row = 0;
      for (std::size_t i = 0; i < changes.ids.size(); ++i) {
        if (changes.alive[i] == 0) {
          if (alive_[changes.ids[i]] != 0) all.remove(store_key[i]);
          continue;
        }
        bytes.clear();
        encode_row(value_, changes.values.row(row++), bytes);
        all.put(store_key[i], bytes.view());
      }
      if (all.size() != 0) store_->write(all);
    } catch (...) {
      if (replaced != nullptr) replaced->values.clear();
      throw;
    }
  }

 private:
  static constexpr std::size_t most_lately = std::size_t{16} << 20;

  [[noreturn]] static void lost() {
    throw error("the store of state on disk does not have what was written to it");
  }

  /// `found(i, bytes)` for each id that has what is asked for, by ascending i.
  template <class Found>
  void each(char kind, const std::uint32_t* ids, std::uint32_t n, Found found) const {
    if (n == 0) return;
    store_keys keys(tenant_, kind);
    const bool run = n > 16 && ids[n - 1] - ids[0] < std::size_t{n} * 2 &&
                     std::adjacent_find(ids, ids + n, std::greater_equal<>{}) == ids + n;
    if (!run) {
      for (std::uint32_t i = 0; i < n; ++i) keys.add(ids[i]);
      store_->get(keys.views(), found);
      return;
    }
    keys.add(ids[0]);
    keys.add(ids[n - 1] + 1);
    std::uint32_t i = 0;
    store_->scan(keys.views()[0], keys.views()[1],
                 [&](std::string_view at, std::string_view bytes) {
                   const std::uint32_t id = id_of(at);
                   while (i < n && ids[i] < id) ++i;
                   if (i < n && ids[i] == id) found(i, bytes);
                 });
  }

  /// The values that `put` will replace.
  void leave(const staged_changes& changes, replaced_values& to) const {
    std::vector<std::uint32_t> had;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < changes.ids.size(); ++i) {
      if (alive_[changes.ids[i]] == 0) continue;
      had.push_back(changes.ids[i]);
      places.push_back(i);
    }
    try {
      each(values_by_id, had.data(), static_cast<std::uint32_t>(had.size()),
           [&](std::size_t i, std::string_view bytes) {
             byte_reader from(bytes);
             void* const row = to.values.place();
             decode_row(value_, row, from, to.values.texts());
             to.values.added();
             to.before[places[i]] = row;
           });
      if (to.values.size() != had.size()) lost();
    } catch (...) {
      to.values.clear();
      throw;
    }
  }

  /// The ids of keys that the store is to be asked for, different from each other.
  void ask(const std::vector<const char*>& keys, const std::vector<std::uint32_t*>& places) {
    store_keys hashes(tenant_, ids_by_hash);
    std::vector<std::uint64_t> hash(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) hashes.add(hash[i] = hash_row(key_, keys[i]));
    std::vector<std::uint8_t> is_known(keys.size());
    std::unordered_map<std::uint64_t, std::string> others;  // of the same hash
    const aligned_memory row = allocate_aligned(key_.size);
    store_->get(hashes.views(), [&](std::size_t i, std::string_view bytes) {
      arena texts;
      byte_reader from(bytes);
      while (from.remaining() != 0 && is_known[i] == 0) {
        const std::uint32_t id = from.u32();
        decode_row(key_, row.get(), from, texts);
        is_known[i] = equal_rows(key_, row.get(), keys[i]) ? 1 : 0;
        destroy_rows(key_, row.get(), 1);
        if (is_known[i] != 0) *places[i] = id;
      }
      if (is_known[i] == 0) others[hash[i]] = bytes;
    });

    key_value_changes changes;
    byte_writer bytes;
    std::uint32_t next = size_;
    const auto& store_key = hashes.views();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (is_known[i] != 0) continue;
      if (next == UINT32_MAX / 2)
        throw error("too many keys for one partition of state, use more partitions");
      bytes.clear();
      bytes.u32(next);
      encode_row(key_, keys[i], bytes);
      store_keys by_id(tenant_, keys_by_id);
      by_id.add(next);
      changes.put(by_id.views()[0], bytes.view().substr(4));
      std::string& same = others[hash[i]];
      same.append(bytes.view());
      changes.put(store_key[i], same);
      *places[i] = next++;
    }
    if (changes.size() == 0) return;
    store_->write(changes);
    size_ = next;
  }

  std::shared_ptr<key_value_store> store_;
  std::uint32_t tenant_;
  const row_type& key_;
  const row_type& value_;
  const alive_flags& alive_;
  std::uint32_t size_ = 0;
  aggregation_table lately_;  // ids of keys; what it does not have, the store may
};

}  // namespace

std::unique_ptr<key_cells> cells_in_store(std::shared_ptr<key_value_store> store,
                                          const row_type& key, const row_type& value,
                                          const alive_flags& alive) {
  return std::make_unique<store_cells>(std::move(store), key, value, alive);
}

}  // namespace millrace::detail
