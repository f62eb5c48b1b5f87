;; Grows a table until it may not, in the start function; goes on only if it could.
(table $t 1 funcref)
(func $start
  (if (i32.eq (table.grow $t (ref.null func) (i32.const 200000)) (i32.const -1)) (then unreachable)))
(start $start)
