#include "dataset/entry.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "dataset/heap_bytes.hpp"

namespace millrace::detail {

partitioner::~partitioner() = default;

namespace {

std::uint32_t round_up(std::uint32_t n, std::uint32_t to) { return (n + to - 1) / to * to; }

/// The bytes of a key that count, in pieces of up to 8; false if bytes alone do not tell.
bool collect_segments(const row_type& t, std::uint32_t at, std::vector<key_segment>& out) {
  if (t.hash_with != nullptr || t.equal_with != nullptr) return false;
  if (t.plain_bits) {
    for (std::uint32_t done = 0; done < t.size; done += 8)
      out.push_back({at + done, std::min<std::uint32_t>(8, t.size - done)});
    return true;
  }
  if (t.kind != row_kind::record) return false;
  return std::all_of(t.fields, t.fields + t.field_count, [&](const row_field& f) {
    return collect_segments(*f.type, at + f.offset, out);
  });
}

}  // namespace

entry_layout::entry_layout(const row_type* key, const row_type* value) : key_(key), value_(value) {
  set_form();
  std::uint32_t align = std::max<std::uint32_t>(value_ != nullptr ? value_->align : 1, 8);
  if (form_ == key_form::general) {
    align = std::max(align, key_->align);
    key_at_ = round_up(sizeof(std::uint32_t), key_->align);
    value_at_ = key_at_ + key_->size;
    trivial_ = key_->trivial;
  } else {
    value_at_ = sizeof(entry_head);
  }
  if (value_ != nullptr) {
    value_at_ = round_up(value_at_, value_->align);
    trivial_ = trivial_ && value_->trivial;
  }
  // A value's slot must leave the lowest bit of its address free.
  if (value_at_ % 2 != 0) ++value_at_;
  stride_ = round_up(value_at_ + (value_ != nullptr ? value_->size : 0), align);
}

void entry_layout::set_form() {
  if (key_->kind == row_kind::text_view || key_->kind == row_kind::text) {
    form_ = key_form::text;
    return;
  }
  if (!collect_segments(*key_, 0, segments_)) return;
  for (const auto& s : segments_) key_size_ += s.size;
  if (key_size_ > 16 || key_size_ == 0) {
    segments_.clear();
    return;
  }
  const bool whole = key_size_ == key_->size;
  form_ = whole && (key_size_ == 4 || key_size_ == 8 || key_size_ == 16) ? key_form::bits
                                                                         : key_form::packed;
}

key_source entry_layout::source(std::uint32_t key_in_row) const {
  key_source s{};
  s.form = form_;
  s.at = key_in_row;
  s.size = key_size_;
  if (form_ == key_form::text) {
    s.pointer_at = key_in_row + key_->text_pointer;
    s.length_at = key_in_row + key_->text_length;
  }
  s.segments = segments_.data();
  s.segment_count = static_cast<std::uint32_t>(segments_.size());
  return s;
}

std::uint32_t entry_layout::hash(const char* entry) const {
  std::uint32_t h = 0;
  std::memcpy(&h, entry + (form_ == key_form::general ? 0 : offsetof(entry_head, hash)), sizeof h);
  return h;
}

void entry_layout::hash_keys(const char* rows, std::uint32_t key_in_row, std::uint32_t row_stride,
                             std::uint32_t n, std::uint32_t* hashes) const {
  if (form_ != key_form::general) {
    const key_source s = source(key_in_row);
    kernels().hash(&s, rows, row_stride, n, hashes);
    return;
  }
  for (std::uint32_t i = 0; i < n; ++i)
    hashes[i] = static_cast<std::uint32_t>(
        hash_row(*key_, rows + std::size_t{i} * row_stride + key_in_row) >> 16);
}

void entry_layout::make_key(const char* entry, void* to) const {
  switch (form_) {
    case key_form::text: {
      const auto* head = reinterpret_cast<const entry_head*>(entry);
      const char* text = head->key;
      if (head->length > sizeof head->key) std::memcpy(&text, head->key, sizeof text);
      if (key_->kind == row_kind::text) ::new (to) std::string(text, head->length);
      else ::new (to) std::string_view(text, head->length);
      return;
    }
    case key_form::bits: std::memcpy(to, entry, key_size_); return;
    case key_form::packed: {
      std::memset(to, 0, key_->size);
      const char* from = entry;
      for (const auto& s : segments_) {
        std::memcpy(static_cast<char*>(to) + s.from, from, s.size);
        from += s.size;
      }
      return;
    }
    case key_form::general: copy_rows(*key_, to, entry + key_at_, 1); return;
  }
}

void entry_layout::relocate(char* to, char* from, std::size_t n) const {
  if (trivial_) {
    if (n != 0) std::memcpy(to, from, n * stride_);
    return;
  }
  for (std::size_t i = 0; i < n; ++i, to += stride_, from += stride_) {
    std::memcpy(to, from, value_at_);  // heads of every form
    if (form_ == key_form::general) {
      move_rows(*key_, to + key_at_, from + key_at_, 1);
      destroy_rows(*key_, from + key_at_, 1);
    }
    if (value_ != nullptr) {
      move_rows(*value_, to + value_at_, from + value_at_, 1);
      destroy_rows(*value_, from + value_at_, 1);
    }
  }
}

void entry_layout::destroy(char* entries, std::size_t keys, std::size_t values) const {
  if (trivial_) return;
  const bool key_ends = form_ == key_form::general && !key_->trivial;
  for (std::size_t i = 0; i < keys; ++i, entries += stride_) {
    if (key_ends) key_->destroy(entries + key_at_, 1);
    if (i < values && value_ != nullptr) destroy_rows(*value_, entries + value_at_, 1);
  }
}

map_output::map_output(entry_layout layout, aligned_memory entries, std::vector<std::size_t> starts,
                       arena texts, bool unique_keys)
    : unique_keys_(unique_keys),
      layout_(std::make_unique<entry_layout>(std::move(layout))),
      entries_(std::move(entries)),
      entry_count_(starts.back()),
      texts_(std::move(texts)) {
  for (std::size_t p = 0; p + 1 < starts.size(); ++p)
    runs_.push_back({static_cast<const char*>(entries_.get()) + starts[p] * layout_->stride(),
                     starts[p + 1] - starts[p]});
}

map_output::~map_output() {
  if (entries_ != nullptr)
    layout_->destroy(static_cast<char*>(entries_.get()), entry_count_, entry_count_);
}

bool map_output::empty(int partition) const {
  return count(partition) == 0 &&
         std::all_of(spilled_.begin(), spilled_.end(), [partition](const spilled_run& r) {
           return r[static_cast<std::size_t>(partition)].rows() == 0;
         });
}

std::size_t map_output::bytes() const {
  std::size_t all = texts_.bytes();
  if (entries_ != nullptr)
    all += entry_count_ * layout_->stride() +
           layout_->heap(static_cast<const char*>(entries_.get()), entry_count_);
  for (const row_pieces& part : rows_)
    for (const row_buffer& piece : part.pieces())
      all += piece.bytes() + heap_bytes(piece.type(), piece.data(), piece.size());
  return all;
}

std::size_t entry_layout::heap(const char* entries, std::size_t n) const {
  std::size_t all = 0;
  if (key_ != nullptr && form_ == key_form::general)
    all += heap_bytes(*key_, entries + key_at_, n, stride_);
  if (value_ != nullptr) all += heap_bytes(*value_, entries + value_at_, n, stride_);
  return all;
}

namespace {

/// The partition of each entry, by its stored hash or by asking for its key.
std::vector<std::uint32_t> assign(const entry_layout& layout, const char* entries,
                                  std::size_t count, const partitioner& by) {
  std::vector<std::uint32_t> to(count);
  const auto parts = static_cast<std::uint32_t>(by.partitions);
  if (by.by_hash()) {
    for (std::size_t i = 0; i < count; ++i)
      to[i] = partition_of_hash(layout.hash(entries + i * layout.stride()), parts);
    return to;
  }
  const row_type& key = *layout.key();
  const aligned_memory keys = allocate_aligned(std::size_t{chunk_rows} * key.size);
  for (std::size_t i = 0; i < count; i += chunk_rows) {
    const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(chunk_rows, count - i));
    auto* row = static_cast<char*>(keys.get());
    for (std::uint32_t j = 0; j < n; ++j)
      layout.make_key(entries + (i + j) * layout.stride(), row + std::size_t{j} * key.size);
    try {
      by.assign(row, key.size, n, to.data() + i);
    } catch (...) {
      destroy_rows(key, row, n);
      throw;
    }
    destroy_rows(key, row, n);
  }
  return to;
}

}  // namespace

std::shared_ptr<map_output> scatter(const entry_layout& layout, aligned_memory entries,
                                    std::size_t count, arena texts, const partitioner& by,
                                    bool unique_keys) {
  if (by.partitions == 1)
    return std::make_shared<map_output>(layout, std::move(entries),
                                        std::vector<std::size_t>{0, count}, std::move(texts),
                                        unique_keys);
  auto* from = static_cast<char*>(entries.get());
  std::vector<std::uint32_t> to;
  try {
    to = assign(layout, from, count, by);
  } catch (...) {
    layout.destroy(from, count, count);
    throw;
  }
  std::vector<std::size_t> starts(static_cast<std::size_t>(by.partitions) + 1);
  for (const auto p : to) ++starts[p + 1];
  for (std::size_t p = 1; p < starts.size(); ++p) starts[p] += starts[p - 1];
  const std::uint32_t stride = layout.stride();
  aligned_memory data = allocate_aligned(count * stride);
  auto* target = static_cast<char*>(data.get());
  std::vector<std::size_t> next(starts.begin(), starts.end() - 1);
  if (layout.trivial() && stride == 32) {
    for (std::size_t i = 0; i < count; ++i)
      std::memcpy(target + next[to[i]]++ * 32, from + i * 32, 32);
  } else {
    for (std::size_t i = 0; i < count; ++i)
      layout.relocate(target + next[to[i]]++ * stride, from + i * stride, 1);
  }
  return std::make_shared<map_output>(layout, std::move(data), std::move(starts), std::move(texts),
                                      unique_keys);
}

}  // namespace millrace::detail
