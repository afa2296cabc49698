# Every statement of every domain, explained once in each of its variants as
# the server prepares it: no sequential scan of a table that holds tenants,
# under row-level security and as the server's role.
#
# Twice: with sequential scans made dear, so that one remains only where no
# index can serve, whatever the sizes; and for the catalog and the users with a
# few thousand rows of several tenants, as the planner likes it.

use strict;
use warnings;

use File::Temp;
use FindBin;
use Test::More;

use lib "$FindBin::Bin/lib";
use Carmen::Cluster;

my $ROOT = $Carmen::Cluster::ROOT;
my $dir = File::Temp->newdir;
my $db = Carmen::Cluster->shared->database;

my %tenant_table = map { $_->[0] => 1 } @{ $db->dbh->selectall_arrayref(q{
    SELECT c.relname FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant'
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_'}) };
ok(keys %tenant_table > 15, 'tables of tenants: ' . keys %tenant_table);


# The texts that are compiled in: [name, sql] each.

sub statements
{
    my ($domain) = @_;
    my $out = "$dir/${domain}_statements";
    my @found;

    system("$ROOT/shared/wire/pg/compile-statements", $domain,
           "$ROOT/sql/$domain/statements", $out) == 0
        or die "compile-statements $domain failed\n";

    open my $fh, '<', "$out.c" or die "$out.c: $!\n";
    my $text = do { local $/; <$fh> };

    while ($text =~ /carmen_variant_t\s+(\w+?)__variants\[\]\s*=
                     \s*\{(.*?)\n\};/gsx)
    {
        my ($name, $variants) = ($1, $2);

        while ($variants =~ /ngx_string\(((?:\s*"(?:[^"\\]|\\.)*")+)\)/g) {
            my $sql = join '', $1 =~ /"((?:[^"\\]|\\.)*)"/g;
            $sql =~ s/\\([nt"\\])/{ n => "\n", t => "\t", '"' => '"',
                                    '\\' => '\\' }->{$1}/ge;
            push @found, [$name, $sql];
        }
    }
    return @found;
}


# The plan that serves any values, without carrying it out.

sub plan_of
{
    my ($dbh, $sql) = @_;
    $dbh->do('SET plan_cache_mode = force_generic_plan');
    $dbh->do("PREPARE explained AS $sql");
    my ($n) = $dbh->selectrow_array(q{
        SELECT cardinality(parameter_types) FROM pg_prepared_statements
         WHERE name = 'explained'});
    my $plan = join "\n", map { $_->[0] } @{ $dbh->selectall_arrayref(
        'EXPLAIN (COSTS off) EXECUTE explained'
        . ($n ? '(' . join(', ', ('NULL') x $n) . ')' : '')) };
    $dbh->do('DEALLOCATE explained');
    return $plan;
}


sub scanned
{
    my ($plan) = @_;
    return grep { $tenant_table{$_} }
        $plan =~ /Seq Scan on "?(\w+)/g;
}


sub examine
{
    my ($what, $dbh, @domains) = @_;

    for my $domain (@domains) {
        my (%wrong, $count);

        for (statements($domain)) {
            my ($name, $sql) = @$_;
            my $plan = eval { plan_of($dbh, $sql) };
            $count++;

            if (!defined $plan) {
                $wrong{$name} //= "cannot be prepared: $@";
                eval { $dbh->do('DEALLOCATE ALL') };
                next;
            }
            $wrong{$name} //= "$sql\n$plan" if scanned($plan);
        }

        ok($count, "$domain has statements");
        ok(!%wrong, "$domain, $what: $count texts use an index")
            or diag(map { "$_: $wrong{$_}\n" } sort keys %wrong);
    }
}


my @domains = grep { glob "$ROOT/sql/$_/statements/*.sql" }
    Carmen::Cluster::domains();
ok(@domains >= 5, "domains: @domains");

my $dbh = DBI->connect('dbi:Pg:' . $db->conninfo('carmen_app'), '', '',
    { RaiseError => 1, PrintError => 0, pg_server_prepare => 0 });
$dbh->do(q{SELECT set_config('carmen.tenant', 't1', false)});

# without row-level security, whose condition an index serves
is(scalar(scanned(plan_of($db->dbh,
    'SELECT FROM catalog.product WHERE description = $1'))), 1,
   'a statement without an index is found out');

$dbh->do('SET enable_seqscan = off');
examine('any size', $dbh, @domains);
$dbh->do('RESET enable_seqscan');


# 6,000 products and users in three tenants

for my $tenant (qw(t1 t2 t3)) {
    $dbh->do(q{SELECT set_config('carmen.tenant', ?, false)}, undef, $tenant);
    $dbh->do(q{
        WITH b AS (INSERT INTO catalog.brand (tenant, name)
                   SELECT $1, 'Brand ' || i FROM generate_series(1, 300) i)
        INSERT INTO catalog.category (tenant, name)
        SELECT $1, 'Category ' || i FROM generate_series(1, 300) i},
        undef, $tenant);
    $dbh->do(q{
        INSERT INTO catalog.product (tenant, name, gtin)
        SELECT $1, 'Thing ' || i, NULL FROM generate_series(1, 2000) i},
        undef, $tenant);
    $dbh->do(q{
        INSERT INTO catalog.variant (tenant, product_id, sku)
        SELECT p.tenant, p.product_id, 'S-' || p.name
          FROM catalog.product p WHERE p.tenant = $1}, undef, $tenant);
    $dbh->do(q{
        INSERT INTO catalog.media (tenant, product_id, url)
        SELECT p.tenant, p.product_id, 'https://img.example/'
          FROM catalog.product p WHERE p.tenant = $1}, undef, $tenant);
    $dbh->do(q{
        INSERT INTO catalog.price (tenant, variant_id, currency, amount)
        SELECT v.tenant, v.variant_id, 'EUR', 1
          FROM catalog.variant v WHERE v.tenant = $1}, undef, $tenant);
    $dbh->do(q{
        INSERT INTO users."user" (tenant, email, external_ref)
        SELECT $1, i || '@example.com', 'R' || i
          FROM generate_series(1, 2000) i}, undef, $tenant);
}
$db->sql('ANALYZE');
$dbh->do(q{SELECT set_config('carmen.tenant', 't1', false)});
examine('6,000 rows', $dbh, qw(catalog users));

$dbh->disconnect;
done_testing;
