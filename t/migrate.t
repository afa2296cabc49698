# The migrations go up, hold what they promise, come down whole and go up
# again; what is wrong is said in words.

use strict;
use warnings;

use Test::More;

use Carmen::Cluster;

my $pg = Carmen::Cluster->shared;
my @domains = Carmen::Cluster::domains();
my $db = $pg->database(empty => 1);

sub migrate
{
    my ($conninfo, @args) = @_;
    my $text = eval {
        Carmen::Cluster::run("$Carmen::Cluster::ROOT/packaging/migrate",
                             '--db', $conninfo, @args);
    };
    return defined $text ? (1, $text) : (0, $@);
}

sub schemas
{
    return join ' ', $db->sql(q{SELECT nspname::text FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname NOT IN
              ('information_schema', 'public', 'sqitch') ORDER BY 1});
}

# What exists, in words: the same after a second deploy.
sub shape
{
    return join "\n", $db->sql(q{
        SELECT concat_ws(' ', n.nspname, c.relname, c.relkind, a.attname,
                         format_type(a.atttypid, a.atttypmod), a.attnotnull)
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
                                  AND NOT a.attisdropped
         WHERE n.nspname = ANY (string_to_array(?, ' '))
        UNION ALL
        SELECT p.oid::regprocedure::text || md5(pg_get_functiondef(p.oid))
          FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE n.nspname = ANY (string_to_array(?, ' ')) AND p.prokind = 'f'
        ORDER BY 1}, "@domains", "@domains");
}

sub ok_migrate
{
    my ($args, $name) = @_;
    my ($done, $text) = migrate($db->conninfo, @$args);
    ok($done, $name) or diag($text);
    return $text;
}

ok_migrate(['deploy'], 'deploy on an empty database');
is(schemas(), join(' ', sort @domains), 'a schema a domain');
my $shape = shape();

like(ok_migrate(['verify'], 'verify'), qr/Verify successful/, 'says so');
like(ok_migrate(['deploy'], 'deploy again'), qr/up-to-date/,
     'has nothing to do');
ok_migrate(['status'], 'status');

my ($done, $text) = migrate($db->conninfo, 'revert');
ok(!$done, 'revert wants a yes') && like($text, qr/--yes/, 'and says so');
is(schemas(), join(' ', sort @domains), 'nothing was reverted');

if (@domains > 1) {
    ($done, $text) = migrate($db->conninfo, 'revert', '--yes', 'core');
    ok(!$done, 'the core cannot go while domains stand on it');
}

ok_migrate(['revert', '--yes'], 'revert all, in reverse order');
is(schemas(), '', 'no schema is left');

ok_migrate(['deploy'], 'deploy once more');
my %before = map { $_ => 1 } split /\n/, $shape;
my %after = map { $_ => 1 } split /\n/, shape();
is(join("\n", grep { !$after{$_} } sort keys %before), '',
   'nothing is missing then');
is(join("\n", grep { !$before{$_} } sort keys %after), '',
   'and nothing is new');
ok_migrate(['verify'], 'verify once more');

# Connections and rights.

my $socket = $pg->socket_dir;
my $url = 'postgresql://postgres@/' . $db->name . '?host='
    . $socket =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ger;
($done, $text) = migrate($url, 'status', 'core');
ok($done, 'a URL') or diag($text);

($done, $text) = migrate("host=$socket dbname=no_such user=postgres");
ok(!$done, 'no such database');
like($text, qr/cannot reach database "no_such"/, 'is named');

$db->sql(q{DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'powerless') THEN
        CREATE ROLE powerless LOGIN; END IF; END $$});
($done, $text) = migrate($db->conninfo('powerless'));
ok(!$done, 'a user without rights');
like($text, qr/GRANT CREATE ON DATABASE/, 'is told what to grant');

($done, $text) = migrate($db->conninfo, 'deploy', 'nonsense');
ok(!$done, 'an unknown domain');
like($text, qr/unknown argument "nonsense"/, 'is named');

# Every table that holds a tenant's rows stands behind the guard.

my @open = $db->sql(q{
    SELECT c.oid::regclass::text
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = ANY (string_to_array(?, ' '))
       AND c.relkind IN ('r', 'p')
       AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid
                      AND a.attname = 'tenant' AND NOT a.attisdropped)
       AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (
                SELECT FROM pg_policy p WHERE p.polrelid = c.oid))},
    "@domains");
is("@open", '', 'every table with a tenant has row-level security, forced');

my @keys = $db->sql(q{
    SELECT c.oid::regclass::text
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
     WHERE n.nspname = ANY (string_to_array(?, ' '))
       AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid
                      AND t.attname = 'tenant' AND NOT t.attisdropped)
       AND a.attname <> 'tenant'}, "@domains");
is("@keys", '', 'tenant comes first in every primary key');

my ($bypass) = $db->sql(q{SELECT rolsuper OR rolbypassrls FROM pg_roles
    WHERE rolname = 'carmen_app'});
ok(!$bypass, 'the role of the server is under the guard');

my @owned = $db->sql(q{SELECT c.oid::regclass::text FROM pg_class c
    JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = 'carmen_app'});
is("@owned", '', 'and owns nothing');

undef $db;
done_testing;
