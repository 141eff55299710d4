-- work.lua - makes LuaJIT compile, link and throw away much code; prints sums.
local function sieve(n)
	local composite, count = {}, 0
	for i = 2, n do
		if not composite[i] then
			count = count + 1
			for k = i * i, n, i do composite[k] = true end
		end
	end
	return count
end

local function mandelbrot(size)
	local inside = 0
	for y = 0, size - 1 do
		for x = 0, size - 1 do
			local cr, ci, r, i, n = 2 * x / size - 1.5, 2 * y / size - 1, 0, 0, 0
			while n < 50 and r * r + i * i < 4 do
				r, i, n = r * r - i * i + cr, 2 * r * i + ci, n + 1
			end
			if n == 50 then inside = inside + 1 end
		end
	end
	return inside
end

local function strings(n)
	local part, sum = {}, 0
	for i = 1, n do part[#part + 1] = ("%x-%d"):format(i * 7919, i) end
	local all = table.concat(part, ",")
	for word in all:gmatch("[^,]+") do sum = (sum * 31 + #word + word:byte(1)) % 1000003 end
	return sum
end

-- Functions made at run time: each is compiled, run hot, and dropped.
local function generated(n)
	local sum = 0
	for i = 1, n do
		local f = loadstring(("local s = 0 for k = 1, 200 do s = (s + k * %d) %% %d end return s"):format(i, i + 7))
		sum = (sum + f()) % 1000003
	end
	jit.flush()
	return sum
end

local function sorted(n)
	local t, x = {}, 42
	for i = 1, n do
		x = (x * 16807) % 2147483647
		t[i] = x
	end
	table.sort(t, function(a, b) return a > b end)
	return t[1] - t[n]
end

for turn = 1, tonumber(arg[1] or 3) do
	print("jit", turn, sieve(30000 * turn), mandelbrot(60 + turn), strings(3000), generated(300), sorted(5000))
end
