# The catalog over HTTP: an editor fills it, a customer browses it.

use Carmen::Test;

my $t = Carmen::Test->new;

my $editor = $t->client(sub => 'ed', scope => 'catalog:read catalog:write');
my $reader = $t->client(sub => 'rita', scope => 'catalog:read');
my $foreign = $t->client(sub => 'otto', tenant => 'other',
                         scope => 'catalog:read catalog:write');
my $keys = 0;
sub key { return 'key-' . ++$keys }

# brands and categories

my $brand = $editor->post('/api/v1/brands', key => key(),
    json => { name => 'Potter', logo => 'https://img.example/potter.png' });
json_is($brand, 201, { name => 'Potter', status => 'active', version => 1 },
        'a brand is created');
my $brand_id = $brand->json->{brandId};
uuid_ok($brand_id, 'its number');
like($brand->header('location'), qr{/brands/\Q$brand_id\E$}, 'its place');
problem_is($editor->post('/api/v1/brands', key => key(),
    json => { name => 'POTTER' }), 409, 'duplicate-name');
problem_is($editor->post('/api/v1/brands', key => key(),
    json => { name => 'x', logo => 'javascript:alert(1)' }),
    422, 'validation-failed');
problem_is($reader->post('/api/v1/brands', key => key(),
    json => { name => 'x' }), 403, 'insufficient-scope');

my %category;
for (['Home'], ['Kitchen', 'Home'], ['Mugs', 'Kitchen']) {
    my ($name, $parent) = @$_;
    my $r = $editor->post('/api/v1/categories', key => key(), json => {
        name => $name,
        $parent ? (parentCategoryId => $category{$parent}) : () });
    json_is($r, 201, { name => $name }, "the category $name");
    $category{$name} = $r->json->{categoryId};
}
my $p = problem_is($editor->patch("/api/v1/categories/$category{Home}",
    match => 1, json => { parentCategoryId => $category{Mugs} }),
    422, 'validation-failed');
is($p->{errors}[0]{code}, 'cycle', 'a category cannot stand below itself');
is($p->{errors}[0]{pointer}, '/parentCategoryId', 'and where that was said');
is(scalar @{ $reader->get('/api/v1/categories?roots=true')->json->{items} },
   1, 'one root');
json_is($reader->get("/api/v1/categories?parentCategoryId=$category{Home}"),
    200, { items => [{ name => 'Kitchen' }] }, 'and what is below');

# a product, whole

my %mug = (
    name => 'Enamel mug', brandId => $brand_id,
    categoryId => $category{Mugs}, gtin => '4006381333931',
    attributes => { material => 'enamel' },
    variants => [
        { sku => 'MUG-W', name => 'White',
          price => { amount => 1200, currency => 'EUR' },
          prices => [{ amount => 1300, currency => 'USD' }] },
        { sku => 'MUG-B', name => 'Black' },
    ],
    media => [{ url => 'https://img.example/mug.jpg', altText => 'A mug' }],
);
my $made = $editor->post('/api/v1/products', key => 'mug', json => \%mug);
json_is($made, 201, { name => 'Enamel mug', status => 'draft', version => 1,
    variants => [{ sku => 'MUG-W',
                   price => { amount => 1200, currency => 'EUR' } },
                 { sku => 'MUG-B', price => undef }] },
        'a product is created');
my $id = $made->json->{productId};
my $at = "/api/v1/products/$id";
my ($white, $black) = map { $_->{variantId} } @{ $made->json->{variants} };

my $again = $editor->post('/api/v1/products', key => 'mug', json => \%mug);
is($again->body, $made->body, 'the same key, byte for byte');
problem_is($editor->post('/api/v1/products', key => 'mug',
    json => { name => 'x' }), 422, 'idempotency-mismatch');
problem_is($editor->post('/api/v1/products', json => \%mug),
    400, 'idempotency-key-required');
is($t->sql('SELECT count(*) FROM catalog.product'), 1, 'one product');

problem_is($editor->post('/api/v1/products', key => key(),
    json => { %mug, gtin => undef }), 409, 'duplicate-sku');
problem_is($editor->post('/api/v1/products', key => key(),
    json => { name => 'x', gtin => '4006381333932' }),
    422, 'validation-failed');
problem_is($editor->post('/api/v1/products', key => key(),
    json => { name => 'x', gtin => '4006381333931' }),
    409, 'duplicate-gtin');
problem_is($editor->post('/api/v1/products', key => key(),
    json => { name => 'x', brandId => $category{Home} }),
    422, 'unknown-reference');
$p = problem_is($editor->post('/api/v1/products', key => key(),
    json => { name => '', variants => [{ price => { amount => 1.5,
        currency => 'EURO' } }] }), 422, 'validation-failed');
is_deeply([sort map { $_->{pointer} } @{ $p->{errors} }],
    ['/name', '/variants/0/price/amount', '/variants/0/price/currency',
     '/variants/0/sku'], 'every place that is wrong');

# a draft is the editor's

problem_is($reader->get($at), 404, 'not-found');
is(scalar @{ $reader->get("$at/variants")->json->{items} }, 0,
   'nor are its variants seen');
is_deeply($reader->get('/api/v1/products')->json->{items}, [],
   'nor is it in a list');
problem_is($foreign->get($at), 404, 'not-found');

# states

$p = problem_is($editor->post("$at/archive"), 409, 'illegal-transition');
is($p->{from}, 'draft', 'from');
is_deeply($p->{allowed}, ['active'], 'what is possible');
json_is($editor->post("$at/publish"), 200, { status => 'active' },
        'published');
my $same = $editor->post("$at/publish");
json_is($same, 200, { status => 'active', version => 2 }, 'once more');

# reading

my $read = $reader->get($at);
json_is($read, 200, { status => 'active', version => 2,
    media => [{ altText => 'A mug' }] }, 'a customer reads it');
is($read->header('etag'), '"2"', 'its version is its ETag');
is($reader->get($at, none_match => 2)->status, 304,
   'not again') or diag $reader->get($at)->head;
json_is($reader->get("$at?fields=name,status"), 200, { name => 'Enamel mug' });
is_deeply($reader->get("$at?fields=name,status")->json,
    { name => 'Enamel mug', status => 'active' }, 'only these members');
problem_is($reader->get("$at?fields=secret"), 400, 'invalid-parameter');
problem_is($reader->get('/api/v1/products/' . $white), 404, 'not-found');
problem_is($reader->get('/api/v1/products/x'), 404, 'not-found');

# changes: every part changes the product's version

json_is($editor->patch($at, match => 2, json => { description => 'Good' }),
    200, { description => 'Good', version => 3 }, 'a change');
problem_is($editor->patch($at, match => 2, json => { name => 'x' }),
    412, 'precondition-failed');
problem_is($editor->patch($at, json => { name => 'x' }),
    428, 'precondition-required');
problem_is($editor->patch($at, match => 3, json => { name => undef }),
    422, 'validation-failed');

my $price = $editor->post("$at/variants/$black/prices", key => key(),
    json => { amount => 1250, currency => 'EUR' });
json_is($price, 201, { amount => 1250, channel => 'default' }, 'a price');
my $price_at = "$at/variants/$black/prices/" . $price->json->{priceId};
is($reader->get($at)->header('etag'), '"4"', 'the product is another');
$p = problem_is($editor->post("$at/variants/$black/prices", key => key(),
    json => { amount => 1, currency => 'EUR',
              validFrom => '2099-01-01T00:00:00Z' }), 409, 'price-overlap');
is($p->{priceId}, $price->json->{priceId}, 'which is in the way');
problem_is($editor->post("$at/variants/$black/prices", key => key(),
    json => { amount => 1, currency => 'XXY' }), 422, 'validation-failed');
problem_is($editor->post("$at/variants/$black/prices", key => key(),
    json => { amount => -1, currency => 'USD' }), 422, 'validation-failed');
json_is($editor->put($price_at, match => 1, json => {
    amount => 1300, currency => 'EUR' }), 200,
    { amount => 1300, version => 2 }, 'a price is replaced');
json_is($editor->post("$at/variants/$black/prices", key => key(),
    json => { amount => 1400, currency => 'EUR', supersede => \1,
              validFrom => '2099-01-01T00:00:00Z' }), 201,
    { amount => 1400 }, 'a price to come');
json_is($reader->get($price_at), 200,
    { validTo => '2099-01-01T00:00:00.000Z' }, 'ends the other');
is(scalar @{ $reader->get("$at/variants/$black/prices")->json->{items} }, 2,
   'both are listed');
problem_is($reader->get("$at/variants/$white/prices/"
    . $price->json->{priceId}), 404, 'not-found');
is($editor->delete($price_at, match => 3)->status, 204, 'a price is deleted');

my $variant = $reader->get("$at/variants/$white");
json_is($editor->patch("$at/variants/$white", match => $variant->version,
    json => { name => 'Snow', price => { amount => 1100,
                                         currency => 'EUR' } }),
    200, { name => 'Snow', price => { amount => 1100 } },
    'a variant, its price included');
json_is($reader->get($at), 200, { variants => [
    { name => 'Snow', price => { amount => 1100 } }, { sku => 'MUG-B' }] },
    'the product shows it');
json_is($editor->post("$at/variants", key => key(), json => {
    sku => 'MUG-R' }), 201, { sku => 'MUG-R', status => 'active' },
    'a variant more');
problem_is($editor->post("$at/variants", key => key(), json => {
    sku => 'MUG-R' }), 409, 'duplicate-sku');
my $media = $editor->post("$at/media", key => key(),
    json => { url => 'https://img.example/2.mp4', type => 'video' });
json_is($media, 201, { type => 'video' }, 'a film');
json_is($editor->patch("$at/media/" . $media->json->{mediaId}, match => 1,
    json => { altText => 'Turning' }), 200, { altText => 'Turning' });
is($editor->delete("$at/media/" . $media->json->{mediaId})->status, 204,
   'is removed');
is(scalar @{ $reader->get("$at/media")->json->{items} }, 1, 'one is left');

# the rest of its life

json_is($editor->post("$at/deactivate"), 200, { status => 'inactive' });
json_is($editor->post("$at/activate"), 200, { status => 'active' });
json_is($editor->post("$at/deactivate"), 200, { status => 'inactive' });
json_is($editor->post("$at/archive"), 200, { status => 'archived' });
problem_is($editor->patch($at, match => $reader->get($at)->version,
    json => { name => 'x' }), 409, 'product-archived');
problem_is($editor->delete("/api/v1/categories/$category{Mugs}"),
    409, 'category-in-use');
problem_is($editor->delete("/api/v1/brands/$brand_id"), 409, 'brand-in-use');
is($editor->delete($at)->status, 204, 'deleted');
problem_is($reader->get($at), 404, 'not-found');
is($editor->delete("/api/v1/brands/$brand_id")->status, 204,
   'nothing holds the brand now');

is($t->sql(q{SELECT count(*) FROM (SELECT FROM core.event
    GROUP BY source, subject HAVING max(sequence) <> count(*)) s}), 0,
   'no event is missing');
is($t->sql(q{SELECT string_agg(DISTINCT split_part(type, '.', 5), ','
    ORDER BY split_part(type, '.', 5)) FROM core.event
    WHERE source = '/catalog/product'}),
   'activated,archived,created,deactivated,deleted,published,updated',
   'the life of a product in events');

done_testing;
