# Each folder's files are compiled with that instruction set and reached only through the tables.
# The plain C files are the reference: no contraction of a*b+c, so that their numbers do not move.
target_compile_options(cclip_cpu PRIVATE -O3 -ffp-contract=off)
