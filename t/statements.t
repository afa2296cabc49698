#!/usr/bin/perl

# The statement compiler: what it writes, what it refuses, and that the pages
# of a list meet, forwards and backwards, on an index.

use strict;
use warnings;

use File::Temp;
use FindBin;
use Test::More;

use lib "$FindBin::Bin/lib";
use Carmen::Cluster;

my $top = "$FindBin::Bin/..";
my $tmp = File::Temp->newdir;

my $LIST = <<'END';
-- shop_list: products of a shop
-- kind: list
-- returns: Product
-- sort: name   p.name text, p.product_id uuid
-- sort: -rank  p.rank bigint, p.product_id uuid
SELECT json_build_object('id', p.product_id, 'name', p.name, 'rank', p.rank)
           AS item
  FROM shop.product p
 WHERE p.tenant = :tenant
       /*if query.status*/ AND p.status = :query.status /*end*/
       /*after*/
 /*order*/
END


sub compile
{
    my (%files) = @_;
    my $dir = File::Temp->newdir;

    for my $name (keys %files) {
        open my $out, '>', "$dir/$name.sql" or die $!;
        print $out $files{$name};
        close $out or die $!;
    }

    my $compiler = "$top/shared/wire/pg/compile-statements";
    my $said = `$compiler shop $dir $tmp/shop_statements 2>&1`;
    $said =~ s/\Q$dir\E\///g;
    return wantarray ? ($?, $said) : $said;
}


# Compiles the C, runs it, and gives its data back by the statement's name.

sub load
{
    my $program = <<'END';
#include <carmen.h>
#include <stdio.h>
#include "shop_statements.h"

static const char *source[] = {
    "tenant", "actor", "client", "key", "hash", "match", "request", "body",
    "body.", "path.", "query.", "scope.", "limit", "cursor.", "value." };

int main(void)
{
    ngx_uint_t                 i, n;
    const carmen_variant_t    *v;
    carmen_statement_t *const *p;

    for (p = shop_statements; *p; p++) {
        printf("%s\x1f%s\x1f%s\x1f%d\x1f%d\x1f%d", (*p)->name.data,
               (*p)->comment.data, (*p)->returns.data, (*p)->lane,
               (*p)->kind, (int) (*p)->nvariants);
        for (i = 0; i < (*p)->nvariants; i++) {
            v = &(*p)->variants[i];
            printf("\x1f%.*s\x1f", (int) v->sql.len, v->sql.data);
            for (n = 0; n < v->nargs; n++) {
                printf("%s%s%s", n ? " " : "", source[v->args[n].source],
                       v->args[n].name.data);
            }
        }
        printf("\x1e");
    }
    return 0;
}
END

    my $types = <<"END";
#include <stdint.h>
#include <stddef.h>
typedef uintptr_t ngx_uint_t;
typedef unsigned char u_char;
typedef struct { size_t len; u_char *data; } ngx_str_t;
#define ngx_string(s) { sizeof(s) - 1, (u_char *) s }
#include "$top/shared/wire/pg/carmen_statement.h"
END

    for (['carmen.h', $types], ['main.c', $program]) {
        open my $out, '>', "$tmp/$_->[0]" or die $!;
        print $out $_->[1];
        close $out or die $!;
    }

    my $cc = 'cc -W -Wall -Wpointer-arith -Werror -I.';
    my $said = `cd $tmp && $cc -o show main.c shop_statements.c 2>&1`;
    is $said, '', 'the C compiles without a warning' or return;

    my %statements;
    my $out = do { open my $in, '-|', "$tmp/show" or die $!; local $/; <$in> };

    for (split /\x1e/, $out) {
        my ($name, $comment, $returns, $lane, $kind, $n, @rest)
            = split /\x1f/, $_, -1;
        my @variants = map { { sql => shift @rest,
                               args => [split / /, shift @rest] } } 1 .. $n;
        $statements{$name} = { comment => $comment, returns => $returns,
                               lane => $lane, kind => $kind,
                               variants => \@variants };
    }

    return \%statements;
}


subtest 'a statement becomes data' => sub {
    my ($rc, $said) = compile(
        shop_get => <<'END', shop_move => <<'END', shop_list => $LIST);
-- shop_get: one "product"; what??/ é
-- returns: Product
-- a remark that is no header

SELECT json_build_object('text', ':no ''x''', 'e', E'\':no', 'd', $x$:no;$x$,
                         'n', p."a:b", 'slice', p.a[1 : 2]) AS body, -- :no
       p.version /* :no /* deep */ ' */
  FROM shop.product p
 WHERE p.tenant = :tenant AND p.product_id = :path.productId::uuid
   AND (:scope(shop:manage)::boolean OR p.owner = :actor OR :tenant = 'x')
       /*if query.a*/ AND p.a = :query.a /*end*/
       /*if query.b*/ AND p.b = :query.b /*end*/
       /*if query.a*/ AND p.c = :query.a /*end*/;
END
-- shop_move: moves
-- kind: write
SELECT * FROM shop.move(:tenant, :actor, :client, :key, :hash, :match,
    :request, :body::jsonb, :body.x, :value.y)
END
    is $rc, 0, 'compiled' or diag $said;

    my $st = load() or return;
    my $get = $st->{shop_get};

    is $get->{comment}, 'one "product"; what??/ é', 'comment';
    is $get->{returns}, 'Product', 'entity';
    is "$get->{lane} $get->{kind}", '0 0', 'fast and read by default';
    is "$st->{shop_move}{lane} $st->{shop_move}{kind}", '1 2',
        'a write goes to the write lane by default';
    is @{ $get->{variants} }, 4, 'two conditions, four variants';

    my $kept = q{':no ''x''', 'e', E'\':no', 'd', $x$:no;$x$, 'n', p."a:b", }
        . q{'slice', p.a[1 : 2]) AS body, p.version FROM};
    like $get->{variants}[0]{sql}, qr/\Q$kept\E/,
        'literals are left alone, comments are gone';
    my $numbered = 'p.tenant = $1 AND p.product_id = $2::uuid '
        . q{AND ($3::boolean OR p.owner = $4 OR $1 = 'x')};
    like $get->{variants}[0]{sql}, qr/\Q$numbered\E$/,
        'parameters are numbered, one used twice once';
    is "@{ $get->{variants}[0]{args} }",
        'tenant path.productId scope.shop:manage actor', 'and known';
    like $get->{variants}[2]{sql}, qr/\) AND p.b = \$5$/, 'block b alone';
    like $get->{variants}[1]{sql}, qr/\) AND p.a = \$5 AND p.c = \$5$/,
        'block a, in both places';
    is "@{ $st->{shop_move}{variants}[0]{args} }", 'tenant actor client key '
        . 'hash match request body body.x value.y', 'every source';
    is @{ $st->{shop_list}{variants} }, 12, '2 sorts, 3 pages, 1 condition';
};


subtest 'unchanged output is not written again' => sub {
    utime 1, 1, "$tmp/shop_statements.c", "$tmp/shop_statements.h";
    compile(shop_list => $LIST);
    isnt((stat "$tmp/shop_statements.c")[9], 1, 'another text is written');
    utime 1, 1, "$tmp/shop_statements.c", "$tmp/shop_statements.h";
    compile(shop_list => $LIST);
    is((stat "$tmp/shop_statements.$_")[9], 1, "the same .$_ is not")
        for qw(c h);
};


subtest 'refusals name the place and the remedy' => sub {
    my $head = "-- shop_x: x\n";
    my $ok = "SELECT '' AS body WHERE :tenant = ''";
    my $list = "-- kind: list\n-- sort: n p.n text\n";
    my $blocks = join '', map {
        "/*if query.q$_*/ AND :query.q$_ = '' /*end*/" } 1 .. 7;

    my @cases = (
        ['', 1, 'first line must be'],
        ["SELECT 1\n", 1, 'first line must be'],
        ["-- shop_y: x\n$ok", 1, 'first line must be "-- shop_x: '],
        ["$head-- lane: quick\n$ok", 2, 'use one of fast, lease, write'],
        ["$head-- kind: reed\n$ok", 2, 'use one of list, raw, read, write'],
        ["$head-- lane: fast\n-- lane: fast\n$ok", 3, 'given twice'],
        ["$head-- return: X\n$ok", 2, 'unknown header line "return"'],
        ["$head-- returns: a list\n$ok", 2, 'name of an entity'],
        ["$head-- tenant: none\n$ok", 2, 'says why'],
        ["$head", 2, 'no statement'],
        ["$head\nSELECT '' AS body", 3, 'add "tenant = :tenant"'],
        ["$head-- kind: raw\nSELECT 1 /*if query.x*/ :tenant /*end*/", 3,
         'does not use :tenant'],
        ["$head$ok\nAND :nobody", 3, 'unknown parameter ":nobody"; known are'],
        ["$head$ok\nAND :query = ''", 3, 'unknown parameter ":query"'],
        ["$head$ok\nAND :cursor.1 = ''", 3, 'unknown parameter ":cursor.1"'],
        ["$head$ok\nAND \$1 = ''", 3, 'numbered parameter'],
        ["$head$ok\nAND 'x", 3, 'string is not closed'],
        ["$head$ok\nAND (1", 3, 'add )'],
        ["$head$ok\nAND 1)", 3, 'closing parenthesis'],
        ["$head$ok\n/*if query.x*/", 3, 'add /*end*/'],
        ["$head$ok\n/*if body.x*/ /*end*/", 3, 'write it as /*if query'],
        ["$head$ok\n/*if query.x*/ /*if query.y*/ /*end*/", 3, 'do not nest'],
        ["$head$ok\n/*end*/", 3, 'ends no block'],
        ["$head$ok;\nSELECT 2", 3, 'a file holds one'],
        ["$head$ok\n/*order*/", 3, 'belongs to lists'],
        ["$head-- sort: n p.n text\n$ok", 2, 'belongs to lists'],
        ["${head}SELECT 1 AS x WHERE :tenant = ''", 2, 'column "body"'],
        ["$head$ok $blocks", 2, '128 variants (7 blocks), at most 64'],
        ["$head-- kind: list\n$ok", 3, 'a list needs a sort'],
        ["$head$list$ok /*order*/", 4, 'a list needs /*after*/'],
        ["$head$list$ok /*after*/", 4, 'a list needs /*order*/'],
        ["$head$list$ok /*after*/ /*order*/\n/*order*/", 5, 'given twice'],
        ["$head$list$ok AND (1 = 1 /*after*/) /*order*/", 4, 'outermost'],
        ["$head$list$ok\n/*if query.x*/ /*after*/ /*end*/ /*order*/", 5,
         'conditional block'],
        ["$head${list}SELECT :tenant AS item FROM p WHERE\n/*after*/ "
         . '/*order*/', 5, 'write a condition'],
        ["$head${list}SELECT :tenant AS x FROM p WHERE 1 = 1 /*after*/ "
         . '/*order*/', 4, 'AS item'],
        ["$head-- sort: n\n", 2, 'write it as "sort: name p.name text'],
        ["$head-- sort: n p.n numeric, p.id uuid\n", 2, 'not leakproof'],
        ["$head-- sort: n p.n\n", 2, 'its type'],
        ["$head-- sort: n p.n text\n-- sort: n p.n text\n", 3, 'given twice'],
        ["$head-- sort: n a text, b text, c text, d text, e text\n", 2,
         'at most 4'],
    );

    for (@cases) {
        my ($text, $line, $what) = @$_;
        my ($rc, $said) = compile(shop_x => $text);
        like $said, qr/^compile-statements: shop_x\.sql:$line: .*\Q$what\E/,
            $what;
        isnt $rc, 0, '  and fails';
    }

    my $both = compile(shop_a => '', shop_b => '');
    like $both, qr/shop_a\.sql:1.*\n.*shop_b\.sql:1/, 'every file is named';
    like scalar compile(other_x => $ok), qr/other_x\.sql:1: .*rename/,
        'a name outside of the domain';
};


compile(shop_list => $LIST, shop_one => <<'END');
-- shop_one: a sort with one key, in a WITH
-- kind: list
-- sort: id  p.product_id uuid
WITH q AS (SELECT 'x' FROM (SELECT 1) z)
SELECT p.rank IS DISTINCT FROM NULL AND extract(year FROM now()) > 0 AS item
  FROM shop.product p WHERE p.tenant = :tenant /*after*/ /*order*/
END
my $st = load();

my $db = Carmen::Cluster->shared->database(empty => 1);
$db->dbh->do($_) for split /;\n/, <<'END';
SET client_min_messages = warning;
DO $$ BEGIN CREATE ROLE carmen_app LOGIN; EXCEPTION
WHEN duplicate_object OR unique_violation THEN NULL; END $$;
CREATE SCHEMA shop;
CREATE TABLE shop.product (
    tenant text COLLATE "C" NOT NULL, product_id uuid NOT NULL,
    name text NOT NULL, rank bigint NOT NULL, status text NOT NULL,
    PRIMARY KEY (tenant, product_id));
INSERT INTO shop.product
SELECT 'demo', gen_random_uuid(), 'n"ä,' || lpad((i / 7)::text, 6, '0'),
       i % 5, CASE WHEN i % 3 = 0 THEN 'old' ELSE 'new' END
  FROM generate_series(1, 103) i;
INSERT INTO shop.product
SELECT 'other', gen_random_uuid(), 'other' || i, i / 4, 'new'
  FROM generate_series(1, 20000) i;
CREATE INDEX product_name ON shop.product (tenant, name, product_id);
CREATE INDEX product_rank ON shop.product (tenant, rank, product_id);
ALTER TABLE shop.product ENABLE ROW LEVEL SECURITY;
CREATE POLICY t ON shop.product
    USING (tenant = current_setting('carmen.tenant', true));
GRANT USAGE ON SCHEMA shop TO carmen_app;
GRANT SELECT ON shop.product TO carmen_app;
ANALYZE shop.product
END

my $dbh = $db->as_app('demo');


# Fetches a page as the server would.

sub page
{
    my ($name, $number, %values) = @_;
    my $variant = $st->{$name}{variants}[$number];
    my $keys = $values{cursor} // '[]';
    my @keys = map { s/\\"/"/gr } $keys =~ /"((?:[^"\\]|\\.)*)"/g;
    my $q = $dbh->prepare($variant->{sql}, { pg_placeholder_dollaronly => 1 });

    $q->execute(map { /^cursor\.(\d)/ ? $keys[$1 - 1] : $values{$_} }
                    @{ $variant->{args} });
    my $row = $q->fetchrow_hashref;
    $row->{ids} = [$row->{body} =~ /"id" : "([^"]+)"/g];
    return $row;
}


for my $case (
    ['name', 0, 'name, product_id'],
    ['-rank', 1, 'rank DESC, product_id DESC'],
) {
    my ($sort, $s, $order) = @$case;

    for my $filter (0, 1) {
        my @all = $db->sql('SELECT product_id FROM shop.product '
            . 'WHERE tenant = \'demo\''
            . ($filter ? " AND status = 'new'" : '') . " ORDER BY $order");

        for my $limit (1, 7, scalar(@all), 200) {
            subtest "$sort, limit $limit, " . ($filter ? 'filtered' : 'all')
                => sub
            {
                my %values = (tenant => 'demo', limit => $limit,
                              'query.status' => 'new');
                my (@seen, @back, $number);
                my $page = page('shop_list', ($s * 3) * 2 + $filter, %values);
                my $last = $page;

                push @seen, @{ $page->{ids} };
                while ($page->{more} && @seen <= @all) {
                    is @{ $page->{ids} }, $limit, 'a full page';
                    $last = page('shop_list', ($s * 3 + 1) * 2 + $filter,
                                 %values, cursor => $page->{last});
                    push @seen, @{ $last->{ids} };
                    $page = $last;
                }
                is_deeply \@seen, \@all, 'forwards: all, once, in order';

                @back = @{ $last->{ids} };
                do {
                    $page = page('shop_list', ($s * 3 + 2) * 2 + $filter,
                                 %values, cursor => $page->{first});
                    unshift @back, @{ $page->{ids} };
                } while ($page->{more} && @back <= @all);
                is_deeply \@back, \@all, 'backwards: all, once, in order'
                    if @all > $limit;
                is $page->{body}, '[]', 'nothing before the first page'
                    if @all <= $limit;
            };
        }
    }
}


subtest 'an empty page' => sub {
    my $page = page('shop_list', 0, tenant => 'none', limit => 5);
    is $page->{body}, '[]', 'no items';
    is $page->{first}, undef, 'no first';
    is $page->{last}, undef, 'no last';
    ok !$page->{more}, 'no more';
};


subtest 'a page of one' => sub {
    my $page = page('shop_one', 0, tenant => 'demo', limit => 2);
    is $page->{body}, '[true,true]', 'items that are no objects';
    ok $page->{more}, 'more';
    my $next = page('shop_one', 1, tenant => 'demo', limit => 200,
                    cursor => $page->{last});
    is(() = $next->{body} =~ /true/g, 101, 'the rest');
};


# The statement runs often: its plan is generic and must read one page only.

subtest 'the plan reads a page from the index' => sub {
    my %values = (tenant => 'other', limit => 20,
                  'cursor.2' => 'a0000000-0000-0000-0000-000000000000');
    my @cursors = ('other15000', '2500');

    $dbh->do(q{SELECT set_config('carmen.tenant', 'other', false)});

    for my $mode (qw(force_generic_plan force_custom_plan)) {
        $dbh->do("SET plan_cache_mode = $mode");

        for my $number (map { $_ * 2 } 0 .. 5) {
            my $variant = $st->{shop_list}{variants}[$number];
            local $values{'cursor.1'} = $cursors[$number < 6 ? 0 : 1];
            my @args = map { $dbh->quote($values{$_}) } @{ $variant->{args} };

            $dbh->do("PREPARE p AS $variant->{sql}");
            my $plan = join "\n", map { $_->[0] } @{
                $dbh->selectall_arrayref(
                    'EXPLAIN (ANALYZE, TIMING off, SUMMARY off) EXECUTE p ('
                    . join(', ', @args) . ')') };
            $dbh->do('DEALLOCATE p');

            like $plan,
                qr/Index Scan (?:Backward )?using product_(?:name|rank)/,
                "$mode, variant $number: by the index";
            my ($rows) = $plan =~ /Index Scan.*actual rows=(\d+)/;
            cmp_ok $rows, '<=', 21, '  and not further than a page';
            unlike $plan, qr/Sort Key: .*(?:name|rank)/, '  without a sort';
            diag $plan if $rows > 21;
        }
    }
};


done_testing;
