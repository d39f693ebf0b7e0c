// What actions by key return: a map that owns its rows.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "millrace/detail/dataset/row_index.hpp"
#include "millrace/detail/dataset/row_traits.hpp"

namespace millrace {

/// An owning, immutable map: pairs that are found by their key. Copies share the pairs; pairs and
/// the text that they view live as long as any copy. Safe to read from several threads.
template <class K, class V>
class row_map {
 public:
  using key_type = K;
  using mapped_type = V;
  using value_type = std::pair<K, V>;
  using size_type = std::size_t;
  using iterator = const value_type*;
  using const_iterator = const value_type*;

  row_map() = default;
  /// For the engine. Of several pairs with one key the last is kept.
  explicit row_map(detail::row_buffer pairs)
      : owner_(std::make_shared<const detail::indexed_rows>(std::move(pairs))) {}

  /// In the order in which the dataset gave the keys.
  iterator begin() const {
    return owner_ == nullptr ? nullptr : static_cast<iterator>(owner_->rows().data());
  }
  iterator end() const { return begin() + size(); }
  size_type size() const { return owner_ == nullptr ? 0 : owner_->rows().size(); }
  bool empty() const { return size() == 0; }

  /// end() where there is none.
  iterator find(const K& key) const {
    const void* found = owner_ == nullptr ? nullptr : owner_->find(&key);
    return found == nullptr ? end() : static_cast<iterator>(found);
  }
  bool contains(const K& key) const { return find(key) != end(); }
  /// Throws std::out_of_range, with the key in the text.
  const V& at(const K& key) const {
    const auto found = find(key);
    if (found != end()) return found->second;
    std::string text = "mr::row_map has no key ";
    detail::print_row(detail::row_type_of<K>(), &key, text);
    throw std::out_of_range(text);
  }

 private:
  std::shared_ptr<const detail::indexed_rows> owner_;
};

}  // namespace millrace
